import AllReduce
import ArgumentParser
import ExampleSupport

/// Draws columns of a file of numbers as lines, for the articles.
@main
struct Chart: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "chart",
    abstract: "Draws columns of comma-separated numbers as lines over logarithmic axes.",
    discussion: """
      Writes SVG to standard output. A line is drawn for each column named by --y and called like it; \
      numbers of bytes, seconds and others get units that fit.

        .build/release/chart sweep.csv --x parameters --y "1 rank,2 ranks" --y-unit seconds \\
          --title "Time of a step" > steps.svg
      """,
    version: ProgramVersion.text)

  /// What an axis counts.
  enum Unit: String, CaseIterable, ExpressibleByArgument {
    case number, bytes, seconds
  }

  @Argument(help: "Comma-separated numbers under a header.")
  var file: String

  @Option(help: "The column of the horizontal axis.")
  var x: String

  @Option(help: "The columns of the lines, separated by commas.")
  var y: String

  @Option(help: ArgumentHelp("Lines to compare with, drawn grey.", valueName: "columns"))
  var yardsticks: String?

  @Option(help: "What the chart shows.")
  var title: String

  @Option(help: "Where, when and how it was measured.")
  var subtitle = ""

  @Option(help: ArgumentHelp("The words along the axis (default: the column).", valueName: "words"))
  var xTitle: String?

  @Option(help: ArgumentHelp("The words along the axis.", valueName: "words"))
  var yTitle = ""

  @Option(help: "What the horizontal axis counts.")
  var xUnit = Unit.number

  @Option(help: "What the vertical axis counts.")
  var yUnit = Unit.number

  static func main() {
    ProgramMain.runAlone(Chart.self) { command, console in try console.print(command.svg()) }
  }

  private func svg() throws -> String {
    let table = try NumericTable(csv: file)
    let places = try table.columnIndex(x)
    func lines(_ names: String, isYardstick: Bool) throws -> [LogLogChart.Series] {
      try names.split(separator: ",").map { name in
        let column = try table.columnIndex(String(name))
        return LogLogChart.Series(
          name: String(name),
          points: (0..<table.values.rows).map {
            (table.values[$0, places], table.values[$0, column])
          }, isYardstick: isYardstick)
      }
    }
    return LogLogChart(
      title: title, subtitle: subtitle, x: Chart.axis(xTitle ?? x, xUnit),
      y: Chart.axis(yTitle, yUnit),
      series: try lines(y, isYardstick: false) + lines(yardsticks ?? "", isYardstick: true)
    ).svg()
  }

  private static func axis(_ title: String, _ unit: Unit) -> LogLogChart.Axis {
    switch unit {
    case .bytes:
      LogLogChart.Axis(title: title, base: 2) { ByteCount(Int($0.rounded())).text }
    case .seconds:
      LogLogChart.Axis(title: title, base: 10) {
        scaled($0, [("s", 1), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9)])
      }
    case .number:
      LogLogChart.Axis(title: title, base: 10) {
        scaled($0, [("billion", 1e9), ("million", 1e6), ("thousand", 1e3), ("", 1)])
      }
    }
  }

  /// The number in the largest unit that it fills; the smallest if it fills none.
  private static func scaled(_ value: Double, _ units: [(name: String, size: Double)]) -> String {
    let unit = units.first { value >= $0.size * 0.999 } ?? units[units.count - 1]
    let number = (value / unit.size).formatted(digits: 3)
    return unit.name.isEmpty ? number : "\(number) \(unit.name)"
  }
}
