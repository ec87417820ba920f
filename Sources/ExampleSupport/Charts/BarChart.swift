/// A histogram drawn in SVG: a bar for each value of a whole number, as high as the share of its occurrences.
public struct BarChart: Sendable {
  private typealias Point = SVGDocument.Point

  private let title: String
  private let subtitle: String
  private let xTitle: String
  private let yTitle: String
  private let bars: [(value: Int, height: Double)]

  /// Creates a chart.
  ///
  /// - Parameters:
  ///   - title: The chart's title.
  ///   - subtitle: The source of the data, and their mean.
  ///   - xTitle: The title of the horizontal axis, of whole numbers.
  ///   - yTitle: The title of the vertical axis, of the bars' heights.
  ///   - bars: The values and the heights of their bars, from 0 to 1; values that are not listed have no bar.
  public init(
    title: String, subtitle: String, xTitle: String, yTitle: String,
    bars: [(value: Int, height: Double)]
  ) {
    (self.title, self.subtitle, self.xTitle, self.yTitle) = (title, subtitle, xTitle, yTitle)
    self.bars = bars
  }

  /// Draws the chart and returns the contents of an SVG file.
  public func svg() -> String {
    let heading = ChartHeading(title: title, subtitle: subtitle, width: ChartHeading.width)
    let (left, right, top) = (84.0, ChartHeading.width - 24, heading.height + 14)
    let bottom = top + 280
    var drawing = SVGDocument(width: ChartHeading.width, height: bottom + 66, title: title)
    heading.draw(on: &drawing)
    let (first, last) = (bars.map(\.value).min() ?? 0, bars.map(\.value).max() ?? 0)
    let y = AxisScale(
      [0, bars.map(\.height).max() ?? 1], .linear, from: bottom, to: top, isTight: false)
    for value in y.ticks(atMost: 6) {
      let place = y.place(value)
      drawing.addLine([Point(left, place), Point(right, place)], color: Palette.grid)
      drawing.addText(
        "\((value * 100).formatted(digits: 3)) %", at: Point(left - 8, place + 4.5), size: 13,
        color: Palette.quiet, anchor: .end)
    }
    let width = (right - left) / Double(last - first + 1)
    let labelled = max(1, Int((38 / width).rounded(.up)))
    for (value, height) in bars {
      let place = left + width * Double(value - first)
      drawing.addRectangle(
        at: Point(place + width * 0.1, y.place(height)), width: width * 0.8,
        height: bottom - y.place(height), fill: Palette.ours[0])
    }
    for value in first...last where (value - first) % labelled == 0 {
      drawing.addText(
        "\(value)", at: Point(left + width * (Double(value - first) + 0.5), bottom + 20), size: 13,
        color: Palette.quiet, anchor: .middle)
    }
    drawing.addLine(
      [Point(left, top), Point(left, bottom), Point(right, bottom)], color: Palette.frame)
    drawing.addText(xTitle, at: Point((left + right) / 2, bottom + 48), size: 14, anchor: .middle)
    drawing.addText(
      yTitle, at: Point(22, (top + bottom) / 2), size: 14, anchor: .middle, isVertical: true)
    return drawing.text
  }
}
