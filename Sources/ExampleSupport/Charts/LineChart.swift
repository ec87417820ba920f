/// A chart of lines, drawn in SVG.
///
/// Each line is named at its right end; colours and marks differ, so that lines can be told apart by colour-blind
/// readers and in greyscale print. With more than 9 lines, bounds not counted, each line has a small chart of its own,
/// with the other lines faint behind it.
public struct LineChart: Sendable {
  /// One of the two axes of the chart.
  public struct Axis: Sendable {
    let title: String
    let kind: AxisScale.Kind
    let label: @Sendable (Double) -> String

    /// Creates a logarithmic axis with ticks at whole powers.
    ///
    /// - Parameters:
    ///   - title: The axis title.
    ///   - base: The base of the powers at which there are ticks; if there is no room for all powers, some are left
    ///     out.
    ///   - label: Returns the label of a tick, unit included.
    public init(title: String, base: Double, label: @escaping @Sendable (Double) -> String) {
      (self.title, self.label) = (title, label)
      kind = .logarithmic(base: base)
    }

    /// Creates a linear axis with ticks at round numbers; `label` returns the label of a tick, unit included.
    public init(title: String, label: @escaping @Sendable (Double) -> String) {
      (self.title, self.label) = (title, label)
      kind = .linear
    }
  }

  /// A line of the chart.
  public struct Series: Sendable {
    /// What a line stands for, which decides how it is drawn.
    public enum Kind: Sendable {
      /// A measurement of this library: strong colours, filled marks.
      case ours
      /// A measurement to compare with, of another library: muted colours, hollow marks.
      case peer
      /// A bound, such as the speed of memory: grey and dashed.
      case yardstick
    }

    let name: String
    let points: [(x: Double, y: Double)]
    let kind: Kind

    /// Creates a line.
    ///
    /// - Parameters:
    ///   - name: The name that is written at the line's right end.
    ///   - points: The points, in ascending order of x.
    ///   - kind: What the line stands for.
    public init(name: String, points: [(x: Double, y: Double)], kind: Kind = .ours) {
      (self.name, self.points, self.kind) = (name, points, kind)
    }
  }

  /// How a line is drawn.
  struct Look {
    let color: String
    let marker: SVGDocument.Marker?
    let isHollow: Bool
    let weight: Double
    /// The lengths of dashes and gaps, for a yardstick; nil for a solid line.
    var dashes: String? = nil
  }

  /// The dash patterns by which yardsticks differ, as all of them are the same grey.
  private static let dashes = ["7 4", "2 3", "10 3 2 3"]

  /// The largest number of lines in one chart, without yardsticks; more lines are drawn as small multiples.
  private static let mostLines = 9

  let title: String
  let subtitle: String
  let x: Axis
  let y: Axis
  let series: [Series]
  /// The look of each line of `series`.
  let looks: [Look]

  /// Creates a chart.
  ///
  /// - Parameters:
  ///   - title: The chart's title.
  ///   - subtitle: Where, when and how the values were measured.
  ///   - x: The horizontal axis.
  ///   - y: The vertical axis.
  ///   - series: The lines. Points that an axis cannot show are left out: those with a number that is not finite or, on
  ///     a logarithmic axis, not above zero.
  public init(title: String, subtitle: String, x: Axis, y: Axis, series: [Series]) {
    (self.title, self.subtitle, self.x, self.y) = (title, subtitle, x, y)
    let lines = series.map { line in
      Series(
        name: line.name,
        points: line.points.filter { LineChart.shows($0.x, x) && LineChart.shows($0.y, y) },
        kind: line.kind)
    }.filter { !$0.points.isEmpty }
    // Yardsticks are drawn last: being dashed, they hide no line below them, but a line above would hide them.
    self.series = lines.filter { $0.kind != .yardstick } + lines.filter { $0.kind == .yardstick }
    looks = LineChart.looks(of: self.series)
  }

  private static func shows(_ value: Double, _ axis: Axis) -> Bool {
    value.isFinite && (axis.kind == .linear || value > 0)
  }

  private static func looks(of series: [Series]) -> [Look] {
    var drawn = (ours: 0, peers: 0, yardsticks: 0)
    let markers = SVGDocument.Marker.allCases
    // With marks at every point, long lines would look like strings of beads.
    let hasMarks = (series.map(\.points.count).max() ?? 0) <= 60
    return series.map { line in
      switch line.kind {
      case .yardstick:
        let number = drawn.yardsticks
        drawn.yardsticks += 1
        return Look(
          color: Palette.yardstick, marker: nil, isHollow: false, weight: 1,
          dashes: dashes[number % dashes.count])
      case .ours:
        let number = drawn.ours
        drawn.ours += 1
        // Later lines are thinner, so that one that lies under another still shows at its sides.
        return Look(
          color: Palette.ours[number % Palette.ours.count],
          marker: hasMarks ? markers[number % markers.count] : nil, isHollow: false,
          weight: max(0.7, 1.35 - 0.1 * Double(number)))
      case .peer:
        let number = drawn.peers
        drawn.peers += 1
        return Look(
          color: Palette.peers[number % Palette.peers.count],
          marker: hasMarks ? markers[(number + 1) % markers.count] : nil, isHollow: true,
          weight: 0.6)
      }
    }
  }

  /// Draws the chart and returns the contents of an SVG file.
  public func svg() -> String {
    if series.count(where: { $0.kind != .yardstick }) > LineChart.mostLines {
      return SmallMultiples(self).svg()
    }
    let width = LineChart.width(names: series.map(\.name))
    let heading = ChartHeading(title: title, subtitle: subtitle, width: width.all)
    let top = heading.height + 12
    var drawing = SVGDocument(width: width.all, height: top + 440, title: title)
    heading.draw(on: &drawing)
    let plot = PlotArea(
      left: 92, right: width.plotEnd, top: top, bottom: top + 376, xTicks: 9, yTicks: 10,
      letters: 13)
    let scales = plot.scales(of: self)
    plot.drawAxes(scales, of: self, on: &drawing)
    for (line, look) in zip(series, looks) { plot.draw(line, look, scales, on: &drawing) }
    plot.drawNames(of: self, scales, on: &drawing)
    return drawing.text
  }

  /// Returns the positions, in pixels, of the right end of the plot and of the picture, with room between them for the
  /// lines' names.
  static func width(names: [String]) -> (plotEnd: Double, all: Double) {
    let room = 7.5 * Double(names.map(\.count).max() ?? 0) + 48
    let end = min(640, max(460, ChartHeading.width - room))
    return (end, max(ChartHeading.width, end + room))
  }
}
