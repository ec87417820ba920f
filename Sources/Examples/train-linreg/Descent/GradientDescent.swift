import AllReduce
import ExampleSupport

/// Gradient descent on the mean squared error of a linear model, over the examples of all ranks.
///
/// The same code runs on the ranks of a job and, to check them, in one process that has all
/// examples: only the ``Exchange`` differs.
struct GradientDescent {
  /// Why a descent ended.
  enum Ending {
    /// Theta changes by no more than the tolerance.
    case settled
    /// Theta was still changing after the last epoch.
    case outOfEpochs
    /// The loss grows.
    case diverged
  }

  /// The learned coefficients, in standard units, intercept first.
  private(set) var theta: [Double]
  /// How many epochs were run.
  private(set) var epochs = 0
  /// The change of theta in the last epoch, relative to its largest element.
  private(set) var lastChange = Double.infinity

  private let examples: Examples
  private let total: Int
  private let settings: DescentSettings
  private let exchange: Exchange

  private var map: GradientMap
  private var batches: MiniBatches?
  /// Theta before the epoch.
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

  /// Runs epochs until theta settles. Collective; the same ending on all ranks.
  ///
  /// - Parameters:
  ///   - progress: Where to tell how far it has come.
  ///   - label: The beginning of the notes.
  ///   - eachEpoch: Called after every epoch.
  /// - Returns: Why it ended.
  /// - Throws: What the communicator throws.
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
      // Below the critical rate every step over all examples lowers the loss, to rounding; above it
      // the loss, once it has turned, grows forever. Single batches may raise it for a while.
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

  /// One step over all examples; returns the sum of squares before it.
  private mutating func fullEpoch() throws -> Double {
    map.addUp(examples, at: theta)
    try exchange.step(&theta, by: &map.sums, rate: settings.rate / Double(total))
    return map.sumOfSquares
  }

  /// A step for each batch; returns the sum of the squares before each.
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

  /// The sum of squared errors over the examples of all ranks. Collective.
  mutating func sumOfSquares() throws -> Double {
    map.addUp(examples, at: theta)
    try exchange.combine(&map.sums)
    return map.sumOfSquares
  }

  /// This rank's sums of the first step, before any exchange: the gradient, then the squares.
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
