import AllReduce
import ArgumentParser
import ExampleSupport

/// The options for the checks during a run.
struct SafetyOptions: ParsableArguments {
  /// What to do about a step whose loss is NaN or infinite.
  enum Answer: String, CaseIterable, ExpressibleByArgument {
    case stop, skip
  }

  @Option(
    help: ArgumentHelp(
      "Compares the copies of the weights, bit for bit, whenever this many steps are done, and names the parameter and "
        + "the rank that differ (default: at the end of each epoch).", valueName: "steps"))
  var checkReplicas: Int?

  @Option(
    help: ArgumentHelp(
      "What to do about a step whose loss is NaN or infinite: end the run, or skip the step's update."
    ))
  var onNonfinite: Answer = .stop

  @Option(
    help: ArgumentHelp(
      "Computes the gradient of each such step twice, compares both bit for bit, and names the ranks that did not get "
        + "the same again.", valueName: "steps"))
  var replay: Int?

  func validate() throws {
    try OptionBounds.check("check-replicas", checkReplicas)
    try OptionBounds.check("replay", replay)
  }
}
