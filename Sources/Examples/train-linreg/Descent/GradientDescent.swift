import AllReduce
import ExampleSupport

/// Gradient descent on the mean squared error of a linear model, over the examples of all ranks.
///
/// The same code runs on the ranks of a job and, to check their result, in one process that has all examples; only the
/// ``Exchange`` differs.
struct GradientDescent {
  /// Why a descent ended.
  enum Ending {
    /// Theta changed by no more than the tolerance in an epoch.
    case settled
    /// Theta was still changing after the last epoch.
    case outOfEpochs
    /// The loss grew.
    case diverged
  }

  /// The learned coefficients, in standard units, intercept first.
  private(set) var theta: [Double]
  /// The number of epochs that were run.
  private(set) var epochs = 0
  /// How much the last epoch changed theta, relative to theta's largest element.
  private(set) var lastChange = Double.infinity

  private let examples: Examples
  private let total: Int
  private let settings: DescentSettings
  private let exchange: Exchange

  private var map: GradientMap
  private var batches: MiniBatches?
  /// Theta before the current epoch.
  private var previous: [Double]

  init(
    on examples: Examples, in problem: Problem, _ settings: DescentSettings, _ exchange: Exchange
  ) {
    self.examples = examples
    self.settings = settings
    self.exchange = exchange
    total = problem.examples
    theta = [Double](repeating: 0, count: problem.features + 1)
    previous = theta
    map = GradientMap(examples, batchSize: settings.batchSize)
    batches = settings.batchSize.map {
      MiniBatches(
        total: problem.examples, size: $0, seed: settings.seed,
        own: examples.first..<examples.first + examples.count)
    }
  }

  /// Runs epochs until theta settles, the loss diverges or no epochs are left. Collective; ends in the same way on all
  /// ranks.
  ///
  /// - Parameters:
  ///   - progress: Reports the progress.
  ///   - label: The beginning of each report.
  ///   - eachEpoch: Called after every epoch.
  /// - Returns: Why the descent ended.
  /// - Throws: Any error of the communicator or of `eachEpoch`.
  mutating func run(
    progress: ProgressNotes, label: String = "", eachEpoch: () throws -> Void = {}
  ) throws -> Ending {
    var progress = progress
    var (first, best) = (0.0, Double.infinity)
    while epochs < settings.epochs {
      for index in theta.indices { previous[index] = theta[index] }
      let loss = try batches == nil ? fullEpoch() : batchEpoch()
      epochs += 1

      if epochs == 1 { first = loss }
      best = min(best, loss)
      // At a rate below the critical one, every step over all examples lowers the loss, apart from rounding; above it
      // the loss, once it grows, keeps growing. A step on a single batch may raise the loss for a while.
      let bound = batches == nil ? 1.01 * best + 1e-12 * first : 1e6 * first
      if !loss.isFinite || loss > bound { return .diverged }

      var (change, largest) = (0.0, 0.0)
      for index in theta.indices {
        change = max(change, abs(theta[index] - previous[index]))
        largest = max(largest, abs(theta[index]))
      }
      lastChange = largest > 0 ? change / largest : change
      if lastChange <= settings.tolerance { return .settled }
      try eachEpoch()
      progress.update(
        "\(label)epoch \(epochs.grouped) of at most \(settings.epochs.grouped): loss "
          + "\((loss / Double(total)).formatted(digits: 9)), theta changed by "
          + lastChange.formatted(digits: 2))
    }
    return .outOfEpochs
  }

  /// Takes one step over all examples; returns the sum of squared errors before the step.
  private mutating func fullEpoch() throws -> Double {
    map.addUp(examples, at: theta)
    try exchange.step(&theta, by: &map.sums, rate: settings.rate / Double(total))
    return map.sumOfSquares
  }

  /// Takes one step per batch; returns the sum, over the batches, of the squared errors before each step.
  private mutating func batchEpoch() throws -> Double {
    batches?.deal(epoch: epochs)
    guard let batches else { return 0 }
    var squares = 0.0
    for batch in 0..<batches.count {
      map.addUp(examples, rows: batches[batch], at: theta)
      try exchange.step(
        &theta, by: &map.sums, rate: settings.rate / Double(batches.size(of: batch)))
      squares += map.sumOfSquares
    }
    return squares
  }

  /// Computes the sum of squared errors over the examples of all ranks. Collective.
  mutating func sumOfSquares() throws -> Double {
    map.addUp(examples, at: theta)
    try exchange.combine(&map.sums)
    return map.sumOfSquares
  }

  /// Computes this rank's sums for the first step, before any exchange: the gradient, then the sum of squared errors.
  mutating func firstSums() -> [Double] {
    if var batches {
      batches.deal(epoch: 0)
      map.addUp(examples, rows: batches[0], at: theta)
    } else {
      map.addUp(examples, at: theta)
    }
    return map.sums
  }
}
