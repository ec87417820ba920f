/// A chart of lines with two logarithmic axes, drawn in SVG.
///
/// Each line is named at its right end; colours (Okabe and Ito's) and markers differ, so that it can
/// be read by the colour-blind and on grey paper.
public struct LogLogChart: Sendable {
  /// One of the two axes.
  public struct Axis: Sendable {
    let title: String
    let base: Double
    let label: @Sendable (Double) -> String

    /// An axis with ticks at whole powers.
    ///
    /// - Parameters:
    ///   - title: What is drawn along it.
    ///   - base: Ticks stand at powers of this number, all or as many as there is room for.
    ///   - label: The words at a tick, unit included.
    public init(
      title: String, base: Double, label: @escaping @Sendable (Double) -> String
    ) {
      self.title = title
      self.base = base
      self.label = label
    }
  }

  /// A line of the chart.
  public struct Series: Sendable {
    let name: String
    let points: [(x: Double, y: Double)]
    let isYardstick: Bool

    /// A line.
    ///
    /// - Parameters:
    ///   - name: Stands at its right end.
    ///   - points: In order of x; those that are not above zero cannot be drawn and are left out.
    ///   - isYardstick: Whether it is there to compare with: drawn grey and dashed.
    public init(name: String, points: [(x: Double, y: Double)], isYardstick: Bool = false) {
      self.name = name
      self.points = points.filter { $0.x > 0 && $0.y > 0 && $0.x.isFinite && $0.y.isFinite }
      self.isYardstick = isYardstick
    }
  }

  private typealias Point = SVGDocument.Point

  private let title: String
  private let subtitle: String
  private let x: Axis
  private let y: Axis
  private let series: [Series]

  private static let palette = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000",
  ]
  private static let yardstickColor = "#767676"
  private let size = (width: 1040.0, height: 600.0)
  private let plot = (left: 84.0, right: 856.0, top: 84.0, bottom: 524.0)

  /// A chart.
  ///
  /// - Parameters:
  ///   - title: What it shows.
  ///   - subtitle: Where, when and how it was measured.
  ///   - x: The horizontal axis.
  ///   - y: The vertical axis.
  ///   - series: The lines.
  public init(title: String, subtitle: String, x: Axis, y: Axis, series: [Series]) {
    self.title = title
    self.subtitle = subtitle
    self.x = x
    self.y = y
    self.series = series.filter { !$0.points.isEmpty }
  }

  /// The chart as the contents of an SVG file.
  public func svg() -> String {
    var drawing = SVGDocument(width: size.width, height: size.height, title: title)
    drawing.addText(title, at: Point(plot.left, 36), size: 19, isBold: true)
    drawing.addText(subtitle, at: Point(plot.left, 60), size: 13, color: "#555555")
    let xScale = LogScale(
      series.flatMap { $0.points.map(\.x) }, base: x.base, from: plot.left + 14,
      to: plot.right - 14, isTight: true)
    let yScale = LogScale(
      series.flatMap { $0.points.map(\.y) }, base: y.base, from: plot.bottom, to: plot.top,
      isTight: false)
    drawGrid(xScale, yScale, on: &drawing)
    drawLines(xScale, yScale, on: &drawing)
    return drawing.text
  }

  private func drawGrid(_ xScale: LogScale, _ yScale: LogScale, on drawing: inout SVGDocument) {
    for value in yScale.minorTicks {
      let place = yScale.place(value)
      drawing.addLine([Point(plot.left, place), Point(plot.right, place)], color: "#f2f2f2")
    }
    for value in yScale.ticks(atMost: 12) {
      let place = yScale.place(value)
      drawing.addLine([Point(plot.left, place), Point(plot.right, place)], color: "#d0d0d0")
      drawing.addText(
        y.label(value), at: Point(plot.left - 8, place + 4.5), size: 12, color: "#444444",
        anchor: .end)
    }
    for value in xScale.ticks(atMost: 14) {
      let place = xScale.place(value)
      drawing.addLine([Point(place, plot.top), Point(place, plot.bottom)], color: "#ececec")
      drawing.addLine([Point(place, plot.bottom), Point(place, plot.bottom + 5)], color: "#888888")
      drawing.addText(
        x.label(value), at: Point(place, plot.bottom + 20), size: 12, color: "#444444",
        anchor: .middle)
    }
    drawing.addLine(
      [
        Point(plot.left, plot.top), Point(plot.left, plot.bottom), Point(plot.right, plot.bottom),
      ], color: "#888888")
    drawing.addText(
      x.title, at: Point((plot.left + plot.right) / 2, plot.bottom + 50), anchor: .middle)
    drawing.addText(
      y.title, at: Point(22, (plot.top + plot.bottom) / 2), anchor: .middle, isVertical: true)
  }

  private func drawLines(_ xScale: LogScale, _ yScale: LogScale, on drawing: inout SVGDocument) {
    var labels: [(name: String, color: String, marker: SVGDocument.Marker?, end: Point)] = []
    var drawn = 0
    // Yardsticks first: what is compared with them lies above them.
    for line in series.filter(\.isYardstick) + series.filter({ !$0.isYardstick }) {
      let color =
        line.isYardstick
        ? LogLogChart.yardstickColor : LogLogChart.palette[drawn % LogLogChart.palette.count]
      let markers = SVGDocument.Marker.allCases
      let marker = line.isYardstick ? nil : markers[drawn % markers.count]
      if !line.isYardstick { drawn += 1 }
      let places = line.points.map { Point(xScale.place($0.x), yScale.place($0.y)) }
      // Later lines are thinner, so that one that lies under another still shows at its sides.
      let weight = line.isYardstick ? 1 : max(0.7, 1.5 - 0.15 * Double(drawn))
      drawing.addLine(
        places, color: color, width: 2.4 * weight, dashes: line.isYardstick ? "6 4" : nil)
      if let marker {
        for place in places { drawing.addMarker(marker, at: place, color: color, scale: weight) }
      }
      labels.append((line.name, color, marker, places[places.count - 1]))
    }
    labels.sort { $0.end.y < $1.end.y }
    let heights = spread(labels.map(\.end.y), gap: 20)
    for (label, height) in zip(labels, heights) {
      let start = Point(plot.right + 26, height)
      // From the line's end to its name, for the names may have had to make room for each other.
      drawing.addLine(
        [Point(label.end.x + 7, label.end.y), Point(plot.right + 4, label.end.y), start],
        color: label.color, width: 0.8)
      if let marker = label.marker {
        drawing.addMarker(marker, at: Point(start.x + 6, height), color: label.color)
      } else {
        drawing.addLine(
          [start, Point(start.x + 13, height)], color: label.color, width: 2, dashes: "5 3")
      }
      drawing.addText(label.name, at: Point(start.x + 18, height + 4.5))
    }
  }

  /// The sorted places, moved apart as little as may be and kept inside the plot.
  private func spread(_ places: [Double], gap: Double) -> [Double] {
    var result = places
    // Neighbours that are too near push each other half of what is missing, until none is.
    for _ in 0..<200 {
      for index in result.indices.dropFirst() where result[index] - result[index - 1] < gap {
        let missing = gap - (result[index] - result[index - 1])
        result[index - 1] -= missing / 2
        result[index] += missing / 2
      }
    }
    if let last = result.last { result = result.map { $0 - max(0, last - plot.bottom) } }
    if let first = result.first { result = result.map { $0 + max(0, plot.top - first) } }
    return result
  }
}
