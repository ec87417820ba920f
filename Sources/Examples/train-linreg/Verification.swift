import AllReduce
import ExampleSupport

/// The check of the ranks' result by one process with all examples.
struct Verification {
  /// How far theta in standard units is from that of the same descent in one process.
  /// Nil where theta is not found by descent.
  let serialDifference: Double?
  /// Theta by solving least squares; nil if the features are linearly dependent.
  let exactTheta: [Double]?
  /// How far theta is from ``exactTheta``.
  let exactDifference: Double?

  /// The most that rounding may do to the same descent.
  static let limit = 1e-10
  /// How near to exact least squares limited-memory BFGS comes.
  static let exactLimit = 1e-8

  /// The error to end with, if the ranks found something else.
  var failure: LinregError? {
    let (difference, limit) =
      serialDifference.map { ($0, Verification.limit) }
      ?? (exactDifference ?? 0, Verification.exactLimit)
    return difference <= limit ? nil : .checkFailed(difference: difference, limit: limit)
  }

  /// Compares with exact least squares on the root. Collective.
  ///
  /// - Parameters:
  ///   - all: On the root all examples, in their own units; used up.
  ///   - theta: The result, in the data's own units.
  ///   - world: All ranks.
  /// - Returns: On the root what it found; nil elsewhere.
  /// - Throws: What the communicator throws.
  static func compare(
    with all: inout Examples?, theta: [Double], over world: Communicator
  ) throws -> Verification? {
    let signs = SignsOfLife(over: world)
    guard let examples = all else {
      try signs.waitForRoot()
      return nil
    }
    all = nil
    let exact = LeastSquares.solve(design: examples.design, targets: examples.targets)
    try signs.end()
    return Verification(
      serialDifference: nil, exactTheta: exact,
      exactDifference: exact.map { difference(theta, $0) })
  }

  /// Repeats the descent on the root while the others wait. Collective.
  ///
  /// - Parameters:
  ///   - all: On the root all examples, in their own units; used up.
  ///   - problem: The facts about the data that all ranks know.
  ///   - settings: The settings of the ranks' descent.
  ///   - epochs: The number of epochs that it took.
  ///   - theta: Its result, in standard units.
  ///   - units: These units.
  ///   - world: All ranks.
  /// - Returns: On the root what it found; nil elsewhere.
  /// - Throws: What the communicator throws.
  static func run(
    on all: inout Examples?, in problem: Problem, _ settings: DescentSettings, epochs: Int,
    theta: [Double], in units: Standardization, over world: Communicator
  ) throws -> Verification? {
    var signs = SignsOfLife(over: world)
    guard var examples = all else {
      try signs.waitForRoot()
      return nil
    }
    all = nil
    let exact = LeastSquares.solve(design: examples.design, targets: examples.targets)
    try signs.give()
    let alone = try Standardization(of: examples, in: problem, .alone)
    alone.apply(to: &examples)
    var descent = GradientDescent(
      on: examples, in: problem, settings.exactly(epochs: epochs), .alone)
    let console = RankConsole(isRoot: true)
    _ = try descent.run(progress: ProgressNotes(on: console), label: "check: ") { try signs.give() }
    try signs.end()
    return Verification(
      serialDifference: difference(alone.theta(theta, from: units), descent.theta),
      exactTheta: exact, exactDifference: exact.map { difference(units.ownUnits(theta), $0) })
  }

  /// The largest |a - b| / max(1, |b|).
  static func difference(_ a: [Double], _ b: [Double]) -> Double {
    var largest = 0.0
    for (a, b) in zip(a, b) {
      let difference = abs(a - b) / max(1, abs(b))
      // A maximum may lose it.
      if difference.isNaN { return difference }
      largest = max(largest, difference)
    }
    return largest
  }
}
