import AllReduce
import ArgumentParser
import ExampleSupport

/// A strategy for training on several ranks, as `--strategy` names it.
enum Strategy: String, CaseIterable, ExpressibleByArgument {
  case data, model, hybrid, downpour, easgd, lbfgs, auto

  /// The strategies that can be used.
  static let available: [Strategy] = [.data, .model, .hybrid, .downpour, .easgd, .auto]

  /// The names that help lists.
  static var allValueStrings: [String] { available.map(\.rawValue) }
}

/// The options of strategies that shard weights.
struct SharingOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Ranks as DATAxMODEL: DATA groups with different examples, each of MODEL ranks that hold shards of "
        + "one copy of the weights (default: one group).", valueName: "grid"))
  var grid: GridShape?

  @Option(
    help: "How activations get from convolutions to dense layers with hybrid (default: c).")
  var transition: ConversionRun.Order?

  @Flag(
    help: "With hybrid, updates the dense layers after each turn of the transition, not each step.")
  var variableBatch = false

  @Option(
    help: ArgumentHelp(
      "With --strategy auto, the file that keeps the measurements of these ranks (default: one in the folder of "
        + "cached files).", valueName: "file"))
  var profile: String?

  /// Checks these options against the strategy.
  func validate(_ strategy: Strategy) throws {
    if strategy != .auto, let profile {
      throw ValidationError(
        "--profile \(profile) needs --strategy auto, not \(strategy.rawValue).")
    }
    if strategy == .auto, let grid {
      throw ValidationError(
        "--strategy auto chooses the grid: leave out --grid \(grid.data)x\(grid.model).")
    }
    if strategy == .data, let grid {
      throw ValidationError(
        "--grid \(grid.data)x\(grid.model) needs --strategy model or hybrid, not data.")
    }
    if strategy != .hybrid, let transition {
      throw ValidationError(
        "--transition \(transition.rawValue) needs --strategy hybrid, not \(strategy.rawValue).")
    }
    if variableBatch, strategy != .hybrid || transition == .atOnce {
      throw ValidationError(
        "--variable-batch needs --strategy hybrid and --transition b or c: with a there is one turn."
      )
    }
  }
}

extension ClassifierOptions {
  /// Creates the plan that the options describe, without `--plan`.
  func makePlan() -> Plan {
    var plan: Plan =
      switch strategy {
      case .model: .modelParallel
      case .hybrid:
        .hybrid(
          sharing.transition ?? .scatterInTurn, update: sharing.variableBatch ? .turn : .step)
      default: .dataParallel
      }
    plan.grid = sharing.grid
    plan.update = updating.update
    plan.compression = compression
    plan.overlap = overlap
    plan.bucketBytes = bucketBytes?.bytes
    plan.meeting = replicas.meeting
    return plan
  }
}

extension Plan {
  /// Returns this plan with the layers and the grid of `other`, and with its update mode and bucket size where this
  /// plan sets none.
  func taking(_ other: Plan) -> Plan {
    var plan = other
    plan.update = update ?? other.update
    plan.compression = compression
    (plan.overlap, plan.meeting) = (overlap, meeting)
    plan.bucketBytes = bucketBytes ?? other.bucketBytes
    return plan
  }
}
