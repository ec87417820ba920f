import AllReduce
import ArgumentParser
import ExampleSupport

/// The options for what a run keeps in addition to its result.
struct KeepingOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Keeps the latest state in a folder: after every epoch, or as --checkpoint-every says.",
      valueName: "folder"))
  var checkpoint: String?

  @Option(
    help: ArgumentHelp(
      "Keeps the state whenever this many steps are done, and at the end.", valueName: "steps"))
  var checkpointEvery: Int?

  @Option(
    help: ArgumentHelp(
      "How many states are kept, 1 to 100: the newest, and those before it, which are taken where it is damaged.",
      valueName: "count"))
  var checkpointKeep: Int?

  @Flag(help: "Goes on from the state in --checkpoint, on any number of ranks, in any --strategy.")
  var resume = false

  @Option(
    help: ArgumentHelp(
      "Writes a timeline of all ranks in Chrome's trace format, for Perfetto.", valueName: "file"))
  var trace: String?

  @Option(
    help: ArgumentHelp(
      "Writes losses and accuracies into a folder for TensorBoard.", valueName: "folder"))
  var tensorboard: String?

  /// The settings of the library that they stand for.
  var checkpoints: Checkpoints? {
    checkpoint.map {
      Checkpoints(
        folder: $0, everySteps: checkpointEvery, resumes: resume, generations: checkpointKeep ?? 2)
    }
  }

  func validate() throws {
    if checkpoint == nil {
      for (option, isGiven) in [
        ("--checkpoint-every", checkpointEvery != nil),
        ("--checkpoint-keep", checkpointKeep != nil), ("--resume", resume),
      ] where isGiven {
        throw ValidationError("\(option) needs --checkpoint FOLDER.")
      }
    }
    try OptionBounds.check("checkpoint-keep", checkpointKeep, in: 1...100)
    try OptionBounds.check("checkpoint-every", checkpointEvery)
  }
}
