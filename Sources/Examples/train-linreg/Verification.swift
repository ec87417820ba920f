import AllReduce
import ExampleSupport

/// The comparison of the ranks' result with that of one process that has all examples.
struct Verification {
  /// How far theta is, in standard units, from the theta of the same descent in one process. Nil if theta was not found
  /// by gradient descent.
  let serialDifference: Double?
  /// The exact solution of the least-squares problem; nil if the features are linearly dependent.
  let exactTheta: [Double]?
  /// How far theta is from ``exactTheta``; nil if there is no exact solution.
  let exactDifference: Double?

  /// The largest difference that rounding may cause between two runs of the same descent.
  static let limit = 1e-10
  /// The largest difference from exact least squares at which a result of limited-memory BFGS passes the check.
  static let exactLimit = 1e-8

  /// The error to throw if the ranks' result differs too much; nil if it passes the check.
  var failure: LinregError? {
    let (difference, limit) =
      serialDifference.map { ($0, Verification.limit) }
      ?? (exactDifference ?? 0, Verification.exactLimit)
    return difference <= limit ? nil : .checkFailed(difference: difference, limit: limit)
  }

  /// Compares theta with the exact solution, which the root computes. Collective.
  ///
  /// - Parameters:
  ///   - all: On the root all examples, in the data's own units; set to nil.
  ///   - theta: The ranks' result, in the data's own units.
  ///   - world: The communicator of all ranks.
  /// - Returns: The comparison on the root; nil on other ranks.
  /// - Throws: Any error of the communicator.
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

  /// Repeats the descent on the root, while the other ranks wait, and compares the results. Collective.
  ///
  /// - Parameters:
  ///   - all: On the root all examples, in the data's own units; set to nil.
  ///   - problem: What all ranks know about the data.
  ///   - settings: The settings of the ranks' descent.
  ///   - epochs: The number of epochs of the ranks' descent.
  ///   - theta: The result of the ranks' descent, in standard units.
  ///   - units: The standard units of the ranks' descent.
  ///   - world: The communicator of all ranks.
  /// - Returns: The comparison on the root; nil on other ranks.
  /// - Throws: Any error of the communicator.
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

  /// Returns the largest |a - b| / max(1, |b|) of all elements, or NaN if one of these is NaN.
  static func difference(_ a: [Double], _ b: [Double]) -> Double {
    var largest = 0.0
    for (a, b) in zip(a, b) {
      let difference = abs(a - b) / max(1, abs(b))
      // `max` could ignore a NaN.
      if difference.isNaN { return difference }
      largest = max(largest, difference)
    }
    return largest
  }
}
