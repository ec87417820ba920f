import ExampleSupport

/// Draws a cell, which shows one piece of the vector in a rank's buffer. The cell has a stripe for each rank, drawn in
/// that rank's colour once its value is contained, so that cells fill from step to step.
struct CellPainter {
  static let ink = Palette.ink

  let story: ScheduleStory
  let size: Double

  func draw(_ content: UInt64, into drawing: inout SVGDocument, at corner: SVGDocument.Point) {
    typealias Point = SVGDocument.Point
    drawing.addRectangle(at: corner, width: size, height: size, fill: Palette.empty)
    let stripe = story.isReduction ? size / Double(story.ranks) : size
    for rank in 0..<story.ranks where content >> UInt64(rank) & 1 == 1 {
      let left = corner.x + (story.isReduction ? Double(rank) * stripe : 0)
      drawing.addRectangle(
        at: Point(left, corner.y), width: stripe, height: size, fill: CellPainter.color(rank))
    }
    if story.isComplete(content) {
      drawing.addLine(
        [
          corner, Point(corner.x + size, corner.y), Point(corner.x + size, corner.y + size),
          Point(corner.x, corner.y + size), corner,
        ], color: CellPainter.ink, width: size > 12 ? 1.8 : 1.4)
    }
  }

  static func color(_ rank: Int) -> String { Palette.ours[rank % Palette.ours.count] }
}
