import AllReduce
import ArgumentParser
import ExampleSupport

/// The options for a chart of columns of numbers: the columns to draw, and the titles and units of the axes.
struct ColumnOptions: ParsableArguments {
  /// The unit of an axis.
  enum Unit: String, CaseIterable, ExpressibleByArgument {
    case number, bytes, seconds
  }

  @Option(help: "The column of the horizontal axis; with --log, step (default) or seconds.")
  var x: String?

  @Option(help: "The columns of the lines, separated by commas.")
  var y: String?

  @Option(help: ArgumentHelp("Other libraries' lines, drawn muted.", valueName: "columns"))
  var peers: String?

  @Option(help: ArgumentHelp("Bounds to compare with, drawn grey.", valueName: "columns"))
  var yardsticks: String?

  @Option(
    help: ArgumentHelp(
      "The title of the horizontal axis (default: the column).", valueName: "words"))
  var xTitle: String?

  @Option(help: ArgumentHelp("The title of the vertical axis.", valueName: "words"))
  var yTitle = ""

  @Option(help: "The unit of the horizontal axis.")
  var xUnit = Unit.number

  @Option(help: "The unit of the vertical axis.")
  var yUnit = Unit.number

  func check(title: String?) throws {
    for (name, value) in [("x", x), ("y", y), ("title", title)] where value == nil {
      throw ValidationError("A file of columns needs --\(name).")
    }
  }

  func chart(_ path: String, title: String, subtitle: String) throws -> LineChart {
    let table = try NumericTable(csv: path)
    let places = try table.columnIndex(x ?? "")
    func lines(_ names: String?, _ kind: LineChart.Series.Kind) throws -> [LineChart.Series] {
      try (names ?? "").split(separator: ",").map { name in
        let column = try table.columnIndex(String(name))
        return LineChart.Series(
          name: String(name),
          points: (0..<table.values.rows).map {
            (table.values[$0, places], table.values[$0, column])
          }, kind: kind)
      }
    }
    return LineChart(
      title: title, subtitle: subtitle, x: ColumnOptions.axis(xTitle ?? x ?? "", xUnit),
      y: ColumnOptions.axis(yTitle, yUnit),
      series: try lines(y, .ours) + lines(peers, .peer) + lines(yardsticks, .yardstick))
  }

  private static func axis(_ title: String, _ unit: Unit) -> LineChart.Axis {
    switch unit {
    case .bytes: LineChart.Axis(title: title, base: 2) { ByteCount(Int($0.rounded())).text }
    case .seconds: LineChart.Axis(title: title, base: 10, label: AxisWords.duration)
    case .number: LineChart.Axis(title: title, base: 10, label: AxisWords.count)
    }
  }
}
