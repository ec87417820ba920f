/// Charts of lines one below the other, under one title.
public struct ChartStack: Sendable {
  private typealias Point = SVGDocument.Point

  private static let width = 1040.0
  private static let plotHeight = 280.0
  private static let head = 84.0
  private static let gap = 78.0

  private let title: String
  private let subtitle: String
  private let charts: [LineChart]

  /// Charts from top to bottom; those without a line are left out.
  public init(title: String, subtitle: String, _ charts: [LineChart]) {
    (self.title, self.subtitle) = (title, subtitle)
    self.charts = charts.filter { !$0.series.isEmpty }
  }

  /// The charts as the contents of an SVG file.
  public func svg() -> String {
    let step = ChartStack.plotHeight + ChartStack.gap
    var drawing = SVGDocument(
      width: ChartStack.width, height: ChartStack.head + step * Double(charts.count), title: title)
    drawing.addText(title, at: Point(84, 36), size: 19, isBold: true)
    drawing.addText(subtitle, at: Point(84, 60), size: 13, color: Palette.quiet)
    let names = charts.flatMap(\.series).map { Double($0.name.count) * 7 }.max() ?? 0
    for (number, chart) in charts.enumerated() {
      let top = ChartStack.head + step * Double(number)
      let plot = PlotArea(
        left: 84, right: min(900, max(700, ChartStack.width - names - 58)), top: top,
        bottom: top + ChartStack.plotHeight, xTicks: 12, yTicks: 6, letters: 12)
      let scales = plot.scales(of: chart, comparedWith: charts)
      plot.drawAxes(scales, of: chart, on: &drawing)
      for (line, look) in zip(chart.series, chart.looks) {
        plot.draw(line, look, scales, on: &drawing)
      }
      plot.drawNames(of: chart, scales, on: &drawing)
    }
    return drawing.text
  }
}
