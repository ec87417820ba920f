/// The settings of a descent.
struct DescentSettings {
  /// The learning rate, in standard units.
  let rate: Double
  /// Whether the rate was chosen from the data.
  let isRateChosen: Bool
  /// The largest number of epochs.
  let epochs: Int
  /// The relative change of theta in an epoch at which it ends; below 0, it never ends before.
  var tolerance: Double
  /// Examples a step; nil for all of them.
  let batchSize: Int?
  /// The seed of the order of examples.
  let seed: UInt64

  init(_ options: LinregOptions, _ problem: Problem, rate: Double) {
    self.rate = rate
    isRateChosen = options.learningRate == nil
    epochs = options.epochs ?? (options.batchSize == nil ? 100_000 : 200)
    tolerance = options.tolerance
    batchSize = options.batchSize.flatMap { $0 < problem.examples ? $0 : nil }
    seed = options.seed
  }

  /// The settings of a descent that takes exactly this many epochs.
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
