import AllReduce
import ArgumentParser
import ExampleSupport

/// Draws files that other programs have written: columns of numbers, training logs, timelines, and staleness.
@main
struct Chart: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "chart",
    abstract: "Draws columns of numbers, logs of trainings, timelines, and staleness.",
    discussion: """
      Writes SVG to standard output, for white and dark pages. One of:

        chart FILE.csv --x COLUMN --y COLUMNS --title WORDS    lines over logarithmic axes
        chart --log A.jsonl B.jsonl                            loss and accuracy of trainings (--log)
        chart --trace trace.json                               what ranks did in some steps (--trace)
        chart --staleness result.json                          how stale gradients were (--strategy downpour)

      For example:

        .build/release/chart sweep.csv --x parameters --y "1 rank,2 ranks" --y-unit seconds \\
          --title "Time of a step" > steps.svg
      """,
    version: ProgramVersion.text)

  @Argument(help: "Comma-separated numbers under a header.")
  var file: String?

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("Logs of trainings, to be drawn in one chart.", valueName: "files"))
  var log: [String] = []

  @Option(help: ArgumentHelp("The timeline of a training run.", valueName: "file"))
  var trace: String?

  @Option(help: "With --trace, the steps to draw.")
  var steps = 2

  @Option(help: ArgumentHelp("The JSON output of a training run with servers.", valueName: "file"))
  var staleness: String?

  @OptionGroup(title: "Columns of numbers")
  var columns: ColumnOptions

  @Option(help: "The title (default: by what is drawn).")
  var title: String?

  @Option(help: "The subtitle: where, when and how it was measured.")
  var subtitle: String?

  static func main() {
    ProgramMain.runAlone(Chart.self) { command, console in try console.print(command.svg()) }
  }

  func validate() throws {
    let asked = [file != nil, !log.isEmpty, trace != nil, staleness != nil].count { $0 }
    if asked != 1 {
      throw ValidationError(
        "Name one thing to draw: a file of columns, --log, --trace or --staleness.")
    }
    if file != nil { try columns.check(title: title) }
    if !log.isEmpty { _ = try progress }
    try OptionBounds.check("steps", steps, in: 1...1000)
  }

  /// The quantity along the horizontal axis of training logs: step or seconds.
  private var progress: TrainingLogs.Progress {
    get throws {
      guard let name = columns.x else { return .step }
      guard let progress = TrainingLogs.Progress(rawValue: name) else {
        throw ValidationError("For logs, --x must be step or seconds, not \(name).")
      }
      return progress
    }
  }

  private func svg() throws -> String {
    if let file {
      return try columns.chart(file, title: title ?? "", subtitle: subtitle ?? "").svg()
    }
    if let trace {
      return try TraceTimeline(path: trace, steps: steps).svg(title: title, subtitle: subtitle)
    }
    if let staleness {
      return try StalenessChart(path: staleness).chart(title: title, subtitle: subtitle).svg()
    }
    return try TrainingLogs(log, by: progress).chart(title: title, subtitle: subtitle).svg()
  }
}
