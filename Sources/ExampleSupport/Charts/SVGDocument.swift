/// A drawing in SVG, made of lines, shapes and text; what is added later is drawn over what was added earlier.
///
/// Coordinates are in pixels from the top left corner. Colours are those of ``Palette``; a reader whose pages are dark
/// sees their dark counterparts.
public struct SVGDocument: Sendable {
  /// A point in the drawing.
  public struct Point: Sendable {
    /// The number of pixels from the left.
    public var x: Double
    /// The number of pixels from the top.
    public var y: Double

    /// Creates the point (`x`, `y`).
    public init(_ x: Double, _ y: Double) {
      self.x = x
      self.y = y
    }
  }

  /// Which point of a text lies at the given position (SVG's `text-anchor`).
  public enum Anchor: String, Sendable {
    case start, middle, end
  }

  /// The mark at each point of a line, so that lines differ in more than their colour.
  public enum Marker: CaseIterable, Sendable {
    case circle, square, triangle, diamond, invertedTriangle, cross
  }

  private let width: Double
  private let height: Double
  private var elements: [String] = []

  /// Creates an empty white drawing.
  ///
  /// - Parameters:
  ///   - width: The drawing's width in pixels.
  ///   - height: The drawing's height in pixels.
  ///   - title: A description for screen readers.
  public init(width: Double, height: Double, title: String) {
    self.width = width
    self.height = height
    elements.append("<title>\(SVGDocument.escaped(title))</title>")
    elements.append("<rect width=\"100%\" height=\"100%\" fill=\"\(Palette.paper)\"/>")
  }

  /// Draws a line through points; dashed if `dashes` gives the lengths of dashes and gaps.
  public mutating func addLine(
    _ points: [Point], color: String, width: Double = 1, dashes: String? = nil
  ) {
    let dash = dashes.map { " stroke-dasharray=\"\($0)\"" } ?? ""
    elements.append(
      "<polyline points=\"\(places(points))\" fill=\"none\" stroke=\"\(color)\" "
        + "stroke-width=\"\(number(width))\" stroke-linejoin=\"round\"\(dash)/>")
  }

  /// Draws a filled rectangle; below an opacity of 1, what lies under it shows through.
  public mutating func addRectangle(
    at corner: Point, width: Double, height: Double, fill: String, border: String? = nil,
    opacity: Double = 1
  ) {
    var stroke = border.map { " stroke=\"\($0)\"" } ?? ""
    if opacity < 1 { stroke += " fill-opacity=\"\(number(opacity))\"" }
    elements.append(
      "<rect x=\"\(number(corner.x))\" y=\"\(number(corner.y))\" width=\"\(number(width))\" "
        + "height=\"\(number(height))\" fill=\"\(fill)\"\(stroke)/>")
  }

  /// Draws a filled circle.
  public mutating func addCircle(
    around center: Point, radius: Double, fill: String, border: String
  ) {
    elements.append(
      "<circle cx=\"\(number(center.x))\" cy=\"\(number(center.y))\" r=\"\(number(radius))\" "
        + "fill=\"\(fill)\" stroke=\"\(border)\"/>")
  }

  /// Draws a text whose baseline goes through `point`.
  ///
  /// - Parameters:
  ///   - text: The text.
  ///   - point: The position of the text's anchor.
  ///   - size: The font size in pixels.
  ///   - color: The colour of the letters.
  ///   - anchor: Which point of the text lies at `point`.
  ///   - isBold: Whether the letters are bold.
  ///   - isVertical: Whether the text runs upwards.
  public mutating func addText(
    _ text: String, at point: Point, size: Double = 13, color: String = Palette.ink,
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

  /// Draws a mark of about 8 pixels, times `scale`, around `center`; a hollow mark is an outline.
  public mutating func addMarker(
    _ marker: Marker, at center: Point, color: String, scale: Double = 1, isHollow: Bool = false
  ) {
    func corner(_ x: Double, _ y: Double) -> Point {
      Point(center.x + scale * x, center.y + scale * y)
    }
    let look =
      isHollow
      ? "fill=\"\(Palette.paper)\" stroke=\"\(color)\" stroke-width=\"1.4\"" : "fill=\"\(color)\""
    switch marker {
    case .circle:
      elements.append(
        "<circle cx=\"\(number(center.x))\" cy=\"\(number(center.y))\" r=\"\(number(3.8 * scale))\" \(look)/>"
      )
    case .square:
      let (low, high) = (-3.5, 3.5)
      addPolygon(
        [corner(low, low), corner(high, low), corner(high, high), corner(low, high)], look)
    case .triangle: addPolygon([corner(0, -4.6), corner(4.4, 3.4), corner(-4.4, 3.4)], look)
    case .invertedTriangle:
      addPolygon([corner(0, 4.6), corner(4.4, -3.4), corner(-4.4, -3.4)], look)
    case .diamond: addPolygon([corner(0, -5), corner(5, 0), corner(0, 5), corner(-5, 0)], look)
    case .cross:
      let width = isHollow ? 1.4 : 2.2
      addLine([corner(-3.6, -3.6), corner(3.6, 3.6)], color: color, width: width)
      addLine([corner(-3.6, 3.6), corner(3.6, -3.6)], color: color, width: width)
    }
  }

  /// The contents of the SVG file.
  public var text: String {
    let size = "width=\"\(number(width))\" height=\"\(number(height))\""
    let box = "viewBox=\"0 0 \(number(width)) \(number(height))\""
    let font = "font-family=\"Helvetica, Arial, 'DejaVu Sans', sans-serif\""
    let drawn = elements.joined(separator: "\n")
    return "<svg xmlns=\"http://www.w3.org/2000/svg\" \(size) \(box) \(font)>\n"
      + SVGDocument.darkStyle(of: drawn) + drawn + "\n</svg>\n"
  }

  /// Returns the CSS rules that replace the colours of a drawing by their counterparts on a dark page.
  private static func darkStyle(of drawn: String) -> String {
    let rules = Palette.dark.sorted { $0.key < $1.key }.flatMap { light, dark in
      ["fill", "stroke"].compactMap { name in
        drawn.contains("\(name)=\"\(light)\"") ? "[\(name)=\"\(light)\"]{\(name):\(dark)}" : nil
      }
    }
    return "<style>@media (prefers-color-scheme:dark){\(rules.joined())}</style>\n"
  }

  private mutating func addPolygon(_ corners: [Point], _ look: String) {
    elements.append("<polygon points=\"\(places(corners))\" \(look)/>")
  }

  private func places(_ points: [Point]) -> String {
    points.map { "\(number($0.x)),\(number($0.y))" }.joined(separator: " ")
  }

  /// Formats a coordinate, rounded to a hundredth of a pixel.
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
