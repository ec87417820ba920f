import ExampleSupport

extension SVGDocument {
  /// Draws a line through points, with an arrowhead at its end.
  mutating func addArrow(_ points: [Point], color: String, isDashed: Bool) {
    guard points.count > 1, let end = points.last else { return }
    let before = points[points.count - 2]
    let (dx, dy) = (end.x - before.x, end.y - before.y)
    let length = max((dx * dx + dy * dy).squareRoot(), 1e-6)
    let (x, y) = (dx / length, dy / length)
    addLine(points, color: color, width: 1.6, dashes: isDashed ? "5 3" : nil)
    let (back, side) = (8.0, 4.0)
    addLine(
      [
        Point(end.x - back * x - side * y, end.y - back * y + side * x), end,
        Point(end.x - back * x + side * y, end.y - back * y - side * x),
      ], color: color, width: 1.6)
  }
}
