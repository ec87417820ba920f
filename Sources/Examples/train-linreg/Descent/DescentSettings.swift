/// The settings of gradient descent.
struct DescentSettings {
  /// The learning rate, for features in standard units.
  let rate: Double
  /// Whether the learning rate was chosen from the data, not by the user.
  let isRateChosen: Bool
  /// The largest number of epochs.
  let epochs: Int
  /// The descent ends when an epoch changes theta by no more than this, relative to its largest element. If negative,
  /// it runs all epochs.
  var tolerance: Double
  /// The number of examples per step, over all ranks; nil for all examples.
  let batchSize: Int?
  /// The seed of the random order of examples.
  let seed: UInt64

  init(_ options: LinregOptions, _ problem: Problem, rate: Double) {
    self.rate = rate
    isRateChosen = options.learningRate == nil
    epochs = options.epochs ?? (options.batchSize == nil ? 100_000 : 200)
    tolerance = options.tolerance
    batchSize = options.batchSize.flatMap { $0 < problem.examples ? $0 : nil }
    seed = options.seed
  }

  /// Returns these settings for a descent that runs exactly `epochs` epochs.
  func exactly(epochs: Int) -> DescentSettings {
    DescentSettings(copying: self, epochs: epochs, tolerance: -1)
  }

  private init(copying other: DescentSettings, epochs: Int, tolerance: Double) {
    rate = other.rate
    isRateChosen = other.isRateChosen
    self.epochs = epochs
    self.tolerance = tolerance
    batchSize = other.batchSize
    seed = other.seed
  }
}
