/// A small chart for each line, with the other lines faint behind it, all on the same axes.
struct SmallMultiples {
  private typealias Point = SVGDocument.Point

  private static let across = 2
  private static let panel = (width: ChartHeading.width / 2, height: 250.0)

  private let chart: LineChart

  init(_ chart: LineChart) { self.chart = chart }

  func svg() -> String {
    let named = chart.series.indices.filter { chart.series[$0].kind != .yardstick }
    let down = (named.count + SmallMultiples.across - 1) / SmallMultiples.across
    let panel = SmallMultiples.panel
    let width = panel.width * Double(SmallMultiples.across)
    let heading = ChartHeading(
      title: chart.title,
      subtitle: "\(chart.subtitle) \(chart.y.title); one line in front of the others.", width: width
    )
    let yardsticks = zip(chart.series, chart.looks).filter { $0.0.kind == .yardstick }
    let head = heading.height + (yardsticks.isEmpty ? 10 : 34)
    let height = head + panel.height * Double(down) + 34
    var drawing = SVGDocument(width: width, height: height, title: chart.title)
    heading.draw(on: &drawing)
    var x = 16.0
    for (line, look) in yardsticks {
      let y = heading.height + 16
      drawing.addLine(
        [Point(x, y - 4), Point(x + 22, y - 4)], color: Palette.yardstick, width: 1.5,
        dashes: look.dashes)
      drawing.addText(line.name, at: Point(x + 28, y), size: 14)
      x += 48 + 7.5 * Double(line.name.count)
    }
    for (place, number) in named.enumerated() {
      let corner = Point(
        Double(place % SmallMultiples.across) * panel.width,
        head + Double(place / SmallMultiples.across) * panel.height)
      let plot = PlotArea(
        left: corner.x + 72, right: corner.x + panel.width - 14, top: corner.y + 26,
        bottom: corner.y + panel.height - 34, xTicks: 5, yTicks: 6, letters: 13)
      let scales = plot.scales(of: chart)
      plot.drawAxes(scales, of: chart, hasTitles: false, on: &drawing)
      for other in chart.series.indices where other != number {
        let line = chart.series[other]
        plot.draw(
          line,
          LineChart.Look(
            color: line.kind == .yardstick ? Palette.yardstick : Palette.frame, marker: nil,
            isHollow: false, weight: line.kind == .yardstick ? 0.6 : 0.35,
            dashes: chart.looks[other].dashes), scales, on: &drawing)
      }
      let (line, look) = (chart.series[number], chart.looks[number])
      plot.draw(line, look, scales, on: &drawing)
      if let marker = look.marker {
        drawing.addMarker(
          marker, at: Point(plot.left + 6, corner.y + 13), color: look.color,
          isHollow: look.isHollow)
      }
      drawing.addText(line.name, at: Point(plot.left + 16, corner.y + 18), size: 14, isBold: true)
    }
    drawing.addText(chart.x.title, at: Point(width / 2, height - 12), size: 14, anchor: .middle)
    return drawing.text
  }
}
