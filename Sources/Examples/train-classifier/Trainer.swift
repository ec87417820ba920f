import AllReduce

/// How the ranks share a step: what is trained, and how.
protocol Trainer: AnyObject {
  /// All ranks.
  var world: Communicator { get }
  /// The numbers that are learned, each counted once.
  var parameterCount: Int { get }
  /// The numbers that this rank holds.
  var ownParameterCount: Int { get }
  /// Who updates which weights.
  var mode: UpdateMode { get }
  /// The algorithm that adds up the most at once.
  var algorithm: ReductionAlgorithm { get }
  /// Seconds of forward and backward passes so far, on this rank.
  var computeSeconds: Double { get }
  /// Seconds of exchanges so far.
  var exchangeTimes: ExchangeTimes { get }
  /// Seconds spent on updates of the weights.
  var updateSeconds: Double { get }
  /// What this rank has moved.
  var traffic: Traffic { get }
  /// That, by layer and exchange.
  var exchanges: [(layer: String, kind: String, traffic: Traffic)] { get }

  /// The number of the next step, on which dropout masks depend.
  var nextStep: UInt64 { get set }
  /// The vectors of the training's state, with this rank's part of each.
  var stateTensors: [StateTensor<Float>] { get }

  /// Learns from some batches of the sampler as one. Collective.
  ///
  /// - Parameters:
  ///   - parts: Which.
  ///   - epoch: From 0.
  ///   - number: Of the step, from 1.
  ///   - rate: The learning rate.
  /// - Returns: The totals over all ranks; nil if the loss or the gradient is no number any more.
  /// - Throws: What layers and exchanges throw.
  func takeStep(_ parts: Range<Int>, epoch: Int, number: Int, rate: Double) throws -> BatchScore?

  /// Waits until this rank has the weights of the latest step.
  func finishUpdate() throws

  /// The score over all examples of a data set that is not learned from. Collective.
  func score(on data: any Dataset) throws -> BatchScore

  /// The weights' checksum, equal on all ranks. Collective.
  func checksum() throws -> UInt64
}

extension Trainer {
  func finishUpdate() {}
}
