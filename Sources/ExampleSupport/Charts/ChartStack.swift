/// Line charts one below the other, under one title.
public struct ChartStack: Sendable {
  private static let plotHeight = 260.0
  private static let gap = 78.0

  private let title: String
  private let subtitle: String
  private let charts: [LineChart]

  /// Creates a stack of charts, from top to bottom; charts without a line are left out.
  public init(title: String, subtitle: String, _ charts: [LineChart]) {
    (self.title, self.subtitle) = (title, subtitle)
    self.charts = charts.filter { !$0.series.isEmpty }
  }

  /// Draws the charts and returns the contents of an SVG file.
  public func svg() -> String {
    let step = ChartStack.plotHeight + ChartStack.gap
    let width = LineChart.width(names: charts.flatMap { $0.series.map(\.name) })
    let heading = ChartHeading(title: title, subtitle: subtitle, width: width.all)
    let first = heading.height + 12
    var drawing = SVGDocument(
      width: width.all, height: first + step * Double(charts.count) - 14, title: title)
    heading.draw(on: &drawing)
    for (number, chart) in charts.enumerated() {
      let top = first + step * Double(number)
      let plot = PlotArea(
        left: 92, right: width.plotEnd, top: top, bottom: top + ChartStack.plotHeight, xTicks: 8,
        yTicks: 6, letters: 13)
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
