import AllReduce
import ArgumentParser
import ExampleSupport

/// What is split over the ranks.
enum Strategy: String, CaseIterable, ExpressibleByArgument {
  case data, model, hybrid, downpour, easgd, lbfgs, auto
}

/// A rectangle of ranks, such as 2x2.
struct GridShape: ExpressibleByArgument, CustomStringConvertible {
  let data: Int
  let model: Int

  init?(argument: String) {
    let numbers = argument.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
    guard numbers.count == 2, let data = numbers[0], let model = numbers[1], data > 0, model > 0
    else { return nil }
    (self.data, self.model) = (data, model)
  }

  var description: String { "\(data)x\(model)" }
}

/// The options of strategies that divide weights.
struct SharingOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Ranks as DATAxMODEL: so many groups with other examples, of so many ranks that share the weights "
        + "(default: one group).", valueName: "grid"))
  var grid: GridShape?

  @Option(
    help: "How activations get from convolutions to dense layers with hybrid (default: c).")
  var transition: Transition?

  @Flag(
    help: "With hybrid, updates the dense layers after each turn of the transition, not each step.")
  var variableBatch = false

  /// Checks them against the strategy.
  func validate(_ strategy: Strategy) throws {
    if strategy == .data, let grid {
      throw ValidationError("--grid \(grid) needs --strategy model or hybrid, not data.")
    }
    if strategy != .hybrid, let transition {
      throw ValidationError(
        "--transition \(transition) needs --strategy hybrid, not \(strategy.rawValue).")
    }
    if variableBatch, strategy != .hybrid || transition == .a {
      throw ValidationError(
        "--variable-batch needs --strategy hybrid and --transition b or c: others take one turn.")
    }
  }

  /// How many ranks or groups --batch-size is for.
  func shares(_ strategy: Strategy, ranks: Int) -> (count: Int, name: String) {
    if strategy == .data || (strategy == .hybrid && grid == nil) {
      return (ranks, ranks == 1 ? "rank" : "ranks")
    }
    let groups = grid?.data ?? 1
    return (groups, groups == 1 ? "model group" : "model groups")
  }
}
