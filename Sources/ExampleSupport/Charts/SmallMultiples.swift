/// A small chart for each line, with the others faint behind it, all on the same axes.
struct SmallMultiples {
  private typealias Point = SVGDocument.Point

  private static let across = 3
  private static let panel = (width: 346.0, height: 236.0)
  private static let head = 90.0

  private let chart: LineChart

  init(_ chart: LineChart) { self.chart = chart }

  func svg() -> String {
    let named = chart.series.indices.filter { chart.series[$0].kind != .yardstick }
    let down = (named.count + SmallMultiples.across - 1) / SmallMultiples.across
    let (panel, head) = (SmallMultiples.panel, SmallMultiples.head)
    let width = panel.width * Double(SmallMultiples.across)
    let height = head + panel.height * Double(down) + 34
    var drawing = SVGDocument(width: width, height: height, title: chart.title)
    drawing.addText(chart.title, at: Point(12, 32), size: 19, isBold: true)
    drawing.addText(
      "\(chart.subtitle) \(chart.y.title); one line in front of the others.", at: Point(12, 56),
      size: 13, color: Palette.quiet)
    var x = 12.0
    for line in chart.series where line.kind == .yardstick {
      drawing.addLine(
        [Point(x, 70), Point(x + 22, 70)], color: Palette.yardstick, width: 1.5, dashes: "6 4")
      drawing.addText(line.name, at: Point(x + 28, 74), size: 12)
      x += 44 + 7 * Double(line.name.count)
    }
    for (place, number) in named.enumerated() {
      let corner = Point(
        Double(place % SmallMultiples.across) * panel.width,
        head + Double(place / SmallMultiples.across) * panel.height)
      let plot = PlotArea(
        left: corner.x + 64, right: corner.x + panel.width - 14, top: corner.y + 26,
        bottom: corner.y + panel.height - 34, xTicks: 5, yTicks: 6, letters: 11)
      let scales = plot.scales(of: chart)
      plot.drawAxes(scales, of: chart, hasTitles: false, on: &drawing)
      for other in chart.series.indices where other != number {
        let line = chart.series[other]
        plot.draw(
          line,
          LineChart.Look(
            color: line.kind == .yardstick ? Palette.yardstick : Palette.frame, marker: nil,
            isHollow: false, weight: line.kind == .yardstick ? 0.6 : 0.35), scales, on: &drawing)
      }
      let (line, look) = (chart.series[number], chart.looks[number])
      plot.draw(line, look, scales, on: &drawing)
      if let marker = look.marker {
        drawing.addMarker(
          marker, at: Point(plot.left + 6, corner.y + 13), color: look.color,
          isHollow: look.isHollow)
      }
      drawing.addText(line.name, at: Point(plot.left + 16, corner.y + 18), size: 13, isBold: true)
    }
    drawing.addText(chart.x.title, at: Point(width / 2, height - 12), anchor: .middle)
    return drawing.text
  }
}
