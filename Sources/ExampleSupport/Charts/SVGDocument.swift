/// A drawing in SVG, made of lines, shapes and words; later ones lie over earlier ones.
///
/// Coordinates are pixels from the top left corner.
public struct SVGDocument: Sendable {
  /// A place in the drawing.
  public struct Point: Sendable {
    /// Pixels from the left.
    public var x: Double
    /// Pixels from the top.
    public var y: Double

    /// The place at (`x`, `y`).
    public init(_ x: Double, _ y: Double) {
      self.x = x
      self.y = y
    }
  }

  /// Which part of a text stands at its place.
  public enum Anchor: String, Sendable {
    case start, middle, end
  }

  /// The sign at each point of a line, so that lines differ in more than their colour.
  public enum Marker: CaseIterable, Sendable {
    case circle, square, triangle, diamond, invertedTriangle, cross, ring
  }

  private let width: Double
  private let height: Double
  private var elements: [String] = []

  /// An empty white drawing.
  ///
  /// - Parameters:
  ///   - width: In pixels.
  ///   - height: In pixels.
  ///   - title: What it shows, for those who hear it read out.
  public init(width: Double, height: Double, title: String) {
    self.width = width
    self.height = height
    elements.append("<title>\(SVGDocument.escaped(title))</title>")
    elements.append("<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>")
  }

  /// Draws a line through points, dashed if lengths of dashes and gaps are given.
  public mutating func addLine(
    _ points: [Point], color: String, width: Double = 1, dashes: String? = nil
  ) {
    let dash = dashes.map { " stroke-dasharray=\"\($0)\"" } ?? ""
    elements.append(
      "<polyline points=\"\(places(points))\" fill=\"none\" stroke=\"\(color)\" "
        + "stroke-width=\"\(number(width))\" stroke-linejoin=\"round\"\(dash)/>")
  }

  /// Draws a filled rectangle.
  public mutating func addRectangle(
    at corner: Point, width: Double, height: Double, fill: String, border: String? = nil
  ) {
    let stroke = border.map { " stroke=\"\($0)\"" } ?? ""
    elements.append(
      "<rect x=\"\(number(corner.x))\" y=\"\(number(corner.y))\" width=\"\(number(width))\" "
        + "height=\"\(number(height))\" fill=\"\(fill)\"\(stroke)/>")
  }

  /// Writes a text whose base line goes through `point`.
  ///
  /// - Parameters:
  ///   - text: What to write.
  ///   - point: Where.
  ///   - size: The height of the letters' line in pixels.
  ///   - color: The letters' colour.
  ///   - anchor: Which part of the text stands at the place.
  ///   - isBold: Whether the letters are heavy.
  ///   - isVertical: Whether the text runs upwards.
  public mutating func addText(
    _ text: String, at point: Point, size: Double = 13, color: String = "#222222",
    anchor: Anchor = .start, isBold: Bool = false, isVertical: Bool = false
  ) {
    let weight = isBold ? " font-weight=\"bold\"" : ""
    let turn =
      isVertical ? " transform=\"rotate(-90 \(number(point.x)) \(number(point.y)))\"" : ""
    elements.append(
      "<text x=\"\(number(point.x))\" y=\"\(number(point.y))\" font-size=\"\(number(size))\" "
        + "fill=\"\(color)\" text-anchor=\"\(anchor.rawValue)\"\(weight)\(turn)>"
        + "\(SVGDocument.escaped(text))</text>")
  }

  /// Draws a sign of about 8 pixels, times `scale`, around `center`.
  public mutating func addMarker(
    _ marker: Marker, at center: Point, color: String, scale: Double = 1
  ) {
    func corner(_ x: Double, _ y: Double) -> Point {
      Point(center.x + scale * x, center.y + scale * y)
    }
    let place = "cx=\"\(number(center.x))\" cy=\"\(number(center.y))\""
    switch marker {
    case .circle:
      elements.append("<circle \(place) r=\"\(number(3.8 * scale))\" fill=\"\(color)\"/>")
    case .ring:
      elements.append(
        "<circle \(place) r=\"\(number(3.4 * scale))\" fill=\"#ffffff\" "
          + "stroke=\"\(color)\" stroke-width=\"1.6\"/>")
    case .square:
      let (low, high) = (-3.5, 3.5)
      addPolygon(
        [corner(low, low), corner(high, low), corner(high, high), corner(low, high)], color)
    case .triangle: addPolygon([corner(0, -4.6), corner(4.4, 3.4), corner(-4.4, 3.4)], color)
    case .invertedTriangle:
      addPolygon([corner(0, 4.6), corner(4.4, -3.4), corner(-4.4, -3.4)], color)
    case .diamond: addPolygon([corner(0, -5), corner(5, 0), corner(0, 5), corner(-5, 0)], color)
    case .cross:
      addLine([corner(-3.6, -3.6), corner(3.6, 3.6)], color: color, width: 2)
      addLine([corner(-3.6, 3.6), corner(3.6, -3.6)], color: color, width: 2)
    }
  }

  /// The file's contents.
  public var text: String {
    let size = "width=\"\(number(width))\" height=\"\(number(height))\""
    let box = "viewBox=\"0 0 \(number(width)) \(number(height))\""
    let font = "font-family=\"Helvetica, Arial, 'DejaVu Sans', sans-serif\""
    return "<svg xmlns=\"http://www.w3.org/2000/svg\" \(size) \(box) \(font)>\n"
      + elements.joined(separator: "\n") + "\n</svg>\n"
  }

  private mutating func addPolygon(_ corners: [Point], _ color: String) {
    elements.append("<polygon points=\"\(places(corners))\" fill=\"\(color)\"/>")
  }

  private func places(_ points: [Point]) -> String {
    points.map { "\(number($0.x)),\(number($0.y))" }.joined(separator: " ")
  }

  /// A hundredth of a pixel is more than anyone sees.
  private func number(_ value: Double) -> String {
    let hundredths = (value * 100).rounded() / 100
    return hundredths == hundredths.rounded() ? "\(Int(hundredths))" : "\(hundredths)"
  }

  private static func escaped(_ text: String) -> String {
    text.reduce(into: "") { result, character in
      switch character {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      default: result.append(character)
      }
    }
  }
}
