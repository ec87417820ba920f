import AllReduce
import ArgumentParser
import ExampleSupport

/// The options for what a run writes in addition to its result: checkpoints, traces and TensorBoard files.
struct KeepingOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Keeps the latest state in a folder: after every epoch, or as --checkpoint-every says.",
      valueName: "folder"))
  var checkpoint: String?

  @Option(
    help: ArgumentHelp(
      "Keeps the state whenever this many steps are done, and at the end; auto derives the interval from the cost of a "
        + "checkpoint and the failure rate (Young).", valueName: "steps"))
  var checkpointEvery: CheckpointInterval?

  @Option(
    help: ArgumentHelp(
      "How many states are kept, 1 to 100: the newest, and those before it, for when the newest is damaged.",
      valueName: "count"))
  var checkpointKeep: Int?

  @Flag(help: "Also keeps the best state of all epochs by the test, for predict.")
  var keepBest = false

  @Option(
    help: ArgumentHelp(
      "Stops early when the test result has not improved for this many epochs.", valueName: "epochs"
    ))
  var patience: Int?

  @Flag(
    help: "Resumes from the state in --checkpoint, on any number of ranks, with any --strategy.")
  var resume = false

  @Option(
    help: ArgumentHelp(
      "Writes a timeline of all ranks in Chrome's trace format, for Perfetto.", valueName: "file"))
  var trace: String?

  @Option(
    help: ArgumentHelp(
      "Writes losses and accuracies into a folder for TensorBoard.", valueName: "folder"))
  var tensorboard: String?

  /// The library's checkpoint settings that these options describe; nil without `--checkpoint`.
  var checkpoints: Checkpoints? {
    checkpoint.map { folder in
      var checkpoints = Checkpoints(
        folder: folder, resumes: resume, generations: checkpointKeep ?? 2)
      switch checkpointEvery {
      case .steps(let steps): checkpoints.everySteps = steps
      case .automatic: checkpoints.isAutomatic = true
      case nil: break
      }
      checkpoints.keepsBest = keepBest
      return checkpoints
    }
  }

  func validate() throws {
    if checkpoint == nil {
      for (option, isGiven) in [
        ("--checkpoint-every", checkpointEvery != nil),
        ("--checkpoint-keep", checkpointKeep != nil), ("--resume", resume),
        ("--keep-best", keepBest),
      ] where isGiven {
        throw ValidationError("\(option) needs --checkpoint FOLDER.")
      }
    }
    try OptionBounds.check("checkpoint-keep", checkpointKeep, in: 1...100)
    try OptionBounds.check("patience", patience)
    if case .steps(let steps) = checkpointEvery {
      try OptionBounds.check("checkpoint-every", steps)
    }
  }
}

/// How often a checkpoint is written: after a fixed number of steps, or as the cost and the failure rate suggest.
enum CheckpointInterval: ExpressibleByArgument {
  case steps(Int)
  case automatic

  init?(argument: String) {
    if argument == "auto" {
      self = .automatic
    } else {
      guard let steps = Int(argument) else { return nil }
      self = .steps(steps)
    }
  }
}
