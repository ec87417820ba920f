import AllReduce
import ArgumentParser
import ExampleSupport

/// Draws the schedule of a collective operation step by step. Needs no MPI job, as nothing is sent.
@main
struct Explain: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain",
    abstract:
      "Draw an algorithm step by step, or a plan layer by layer.",
    discussion: """
      A step is a round in which every rank sends one message at most and receives one. The picture \
      is drawn from the schedules that run, not from a description of them.

      With --plan it draws a plan instead: which part of each layer's weights each rank has, and what is \
      exchanged between layers.

        .build/release/explain --algorithm tree --ranks 8 --format svg > tree.svg
        .build/release/explain --plan hybrid --model cnn --ranks 4 --format svg > plan.svg
      """,
    version: ProgramVersion.text)

  /// The algorithms that are schedules of messages and can be drawn.
  private static let drawn: [ReductionAlgorithm] = [
    .ring, .tree, .flatTree, .doubleTree, .recursiveDoubling, .halvingDoubling, .gatherAndReduce,
  ]

  @Option(help: ArgumentHelp("The algorithm.", valueName: "name"))
  var algorithm: ReductionAlgorithm = .ring

  @Option(help: "The number of ranks, 1...64; up to 16, the picture shows what they hold.")
  var ranks = 4

  @Option(help: "The collective operation.")
  var collective: CollectiveName = .allReduce

  @Option(help: "The root of a broadcast or a reduce. (default: 0)")
  var root: Int?

  @Option(help: "The number of elements. (default: the fewest that make all blocks equal)")
  var count: Int?

  @Option(help: "The number of segments that the longest message is cut into.")
  var segments = 1

  @Option(help: "The form of the picture.")
  var format: PictureFormat = .text

  @OptionGroup(title: "A plan")
  var planned: PlanOptions

  func validate() throws {
    try planned.check()
    if !Self.drawn.contains(algorithm) {
      throw ValidationError(
        "\(algorithm) has no schedule to draw; take one of "
          + Self.drawn.map(\.name).joined(separator: ", ") + ".")
    }
    if !(1...64).contains(ranks) {
      throw ValidationError("The number of ranks must be 1 to 64, not \(ranks).")
    }
    if let root {
      if !collective.hasRoot {
        throw ValidationError("\(collective.rawValue) has no root: leave --root out.")
      }
      if !(0..<ranks).contains(root) {
        throw ValidationError("The root must be a rank, 0 to \(ranks - 1), not \(root).")
      }
    }
    if let count, !(0...100_000).contains(count) {
      throw ValidationError("The number of elements must be 0 to 100000, not \(count).")
    }
    if !(1...256).contains(segments) {
      throw ValidationError("The number of segments must be 1 to 256, not \(segments).")
    }
  }

  static func main() {
    ProgramMain.runAlone(Explain.self) { command, console in try command.draw(console) }
  }

  private func draw(_ console: RankConsole) throws {
    if let plan = try planned.picture(ranks: ranks) {
      return try console.print(format == .svg ? plan.svg : plan.text)
    }
    let story = try ScheduleStory(
      collective.operation(root: root ?? 0), by: algorithm, ranks: ranks, count: count,
      segments: segments)
    switch format {
    case .text: try console.print(TextPicture(story).text)
    case .svg: try console.print(SVGPicture(story).text)
    }
  }
}
