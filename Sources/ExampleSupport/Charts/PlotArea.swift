/// The rectangle of a picture in which lines are drawn, in pixels.
struct PlotArea {
  typealias Point = SVGDocument.Point
  typealias Scales = (x: AxisScale, y: AxisScale)

  let left: Double
  let right: Double
  let top: Double
  let bottom: Double
  /// About how many ticks each axis has at most; see ``AxisScale/ticks(atMost:)``.
  let xTicks: Int
  let yTicks: Int
  /// The size of the letters at ticks, in pixels.
  let letters: Double

  /// Returns the scales of a chart, whose ranges include all of its lines; the horizontal one also includes the lines
  /// of `others`, so that the charts can be compared.
  func scales(of chart: LineChart, comparedWith others: [LineChart] = []) -> Scales {
    let points = chart.series.flatMap(\.points)
    let places = points.map(\.x) + others.flatMap { $0.series.flatMap { $0.points.map(\.x) } }
    return (
      AxisScale(places, chart.x.kind, from: left + 8, to: right - 8, isTight: true),
      AxisScale(points.map(\.y), chart.y.kind, from: bottom, to: top, isTight: false)
    )
  }

  /// Draws the grid, the ticks with their labels and, if `hasTitles`, the titles of the axes.
  func drawAxes(
    _ scales: Scales, of chart: LineChart, hasTitles: Bool = true, on drawing: inout SVGDocument
  ) {
    for value in scales.y.minorTicks {
      let place = scales.y.place(value)
      drawing.addLine([Point(left, place), Point(right, place)], color: Palette.faint)
    }
    for value in scales.y.ticks(atMost: yTicks) {
      let place = scales.y.place(value)
      drawing.addLine([Point(left, place), Point(right, place)], color: Palette.grid)
      drawing.addText(
        chart.y.label(value), at: Point(left - 8, place + letters * 0.38), size: letters,
        color: Palette.quiet, anchor: .end)
    }
    for value in horizontalTicks(scales.x, chart.x.label) {
      let place = scales.x.place(value)
      drawing.addLine([Point(place, top), Point(place, bottom)], color: Palette.grid)
      drawing.addLine([Point(place, bottom), Point(place, bottom + 5)], color: Palette.frame)
      drawing.addText(
        chart.x.label(value), at: Point(place, bottom + 8 + letters), size: letters,
        color: Palette.quiet, anchor: .middle)
    }
    drawing.addLine(
      [Point(left, top), Point(left, bottom), Point(right, bottom)], color: Palette.frame)
    guard hasTitles else { return }
    drawing.addText(
      chart.x.title, at: Point((left + right) / 2, bottom + 48), size: letters + 1, anchor: .middle)
    drawing.addText(
      chart.y.title, at: Point(left - 72, (top + bottom) / 2), size: letters + 1,
      anchor: .middle, isVertical: true)
  }

  /// Returns as many ticks of the horizontal axis as can have their labels side by side.
  private func horizontalTicks(_ scale: AxisScale, _ label: (Double) -> String) -> [Double] {
    for count in (2...max(2, xTicks)).reversed() {
      let ticks = scale.ticks(atMost: count)
      let haveRoom = zip(ticks, ticks.dropFirst()).allSatisfy { one, next in
        let letterCount = Double(label(one).count + label(next).count) / 2
        return scale.place(next) - scale.place(one) > letters * (0.58 * letterCount + 0.6)
      }
      if haveRoom { return ticks }
    }
    return scale.ticks(atMost: 1)
  }

  /// Draws a line and its marks.
  func draw(
    _ line: LineChart.Series, _ look: LineChart.Look, _ scales: Scales,
    on drawing: inout SVGDocument
  ) {
    let places = line.points.map { Point(scales.x.place($0.x), scales.y.place($0.y)) }
    drawing.addLine(
      places, color: look.color, width: 2.4 * look.weight, dashes: look.dashes)
    guard let marker = look.marker else { return }
    for place in places {
      drawing.addMarker(
        marker, at: place, color: look.color, scale: max(look.weight, 0.85), isHollow: look.isHollow
      )
    }
  }

  /// Draws the name of each line at its right end.
  func drawNames(of chart: LineChart, _ scales: Scales, on drawing: inout SVGDocument) {
    var labels = zip(chart.series, chart.looks).compactMap { line, look in
      line.points.last.map {
        (line, look, end: Point(scales.x.place($0.x), scales.y.place($0.y)))
      }
    }
    labels.sort { $0.end.y < $1.end.y }
    let heights = spread(labels.map(\.end.y), gap: 20)
    for ((line, look, end), height) in zip(labels, heights) {
      let start = Point(right + 22, height)
      // A dotted line leads from the line's end to its name, as names may have been moved apart.
      drawing.addLine(
        [Point(end.x + 6, end.y), Point(right + 3, end.y), start], color: look.color, width: 0.8,
        dashes: "2 3")
      if let marker = look.marker {
        drawing.addMarker(
          marker, at: Point(start.x + 6, height), color: look.color, isHollow: look.isHollow)
      } else {
        drawing.addLine(
          [Point(start.x - 8, height), Point(start.x + 13, height)], color: look.color, width: 2,
          dashes: look.dashes)
      }
      drawing.addText(line.name, at: Point(start.x + 18, height + 4.5), size: 14)
    }
  }

  /// Returns the sorted positions moved apart as little as possible, at least `gap` pixels if there is room, and kept
  /// inside the plot.
  private func spread(_ places: [Double], gap: Double) -> [Double] {
    var result = places
    // Neighbours that are too close are each moved by half of the missing distance, over and over.
    for _ in 0..<200 {
      for index in result.indices.dropFirst() where result[index] - result[index - 1] < gap {
        let missing = gap - (result[index] - result[index - 1])
        result[index - 1] -= missing / 2
        result[index] += missing / 2
      }
    }
    if let last = result.last { result = result.map { $0 - max(0, last - bottom) } }
    if let first = result.first { result = result.map { $0 + max(0, top - first) } }
    return result
  }
}
