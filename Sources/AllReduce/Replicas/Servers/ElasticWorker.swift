internal import AllReduceMPI
internal import AllReduceNN

/// A worker of elastic averaging: trains weights of its own, and every few steps an elastic force pulls them and the
/// center towards each other.
final class ElasticWorker<Scalar: NetworkScalar & ReducibleScalar> {
  let center: any ElasticCenter<Scalar>
  private let network: Network<Scalar>
  private let every: Int
  private let strength: Double
  /// This worker's weights, stored while its network has the weights of the center, between two segments.
  private var kept: TensorMemory<Scalar>?

  /// Ties a network to a center.
  ///
  /// - Parameters:
  ///   - network: The worker's network.
  ///   - center: The center that the network is tied to.
  ///   - every: The number of steps between two pulls.
  ///   - strength: The strength α of the force of one worker.
  init(
    _ network: Network<Scalar>, _ center: any ElasticCenter<Scalar>, every: Int, strength: Double
  ) {
    (self.network, self.center, self.every, self.strength) = (network, center, every, strength)
  }

  /// Works until no batches are left and all other workers have also finished.
  ///
  /// - Parameters:
  ///   - batches: The batches of the segment.
  ///   - step: Takes a step with the batch of the given number.
  /// - Throws: The errors of `step`; ``MPIError``.
  func work(_ batches: Range<Int>, _ step: (Int) throws -> Void) throws {
    if let kept { _ = network.values.update(fromContentsOf: kept.values) }
    let weights = network.values.baseAddress.unsafelyUnwrapped
    var taken = 0
    try center.begin(batches)
    while let number = try center.nextBatch() {
      if taken > 0, taken % every == 0 { try center.meet(weights, strength: strength) }
      try step(number)
      taken += 1
    }
    // A last pull, so that the center includes what this worker learned in its latest steps.
    if taken > 0 { try center.meet(weights, strength: strength) }
    let memory = kept ?? TensorMemory(count: network.values.count)
    kept = memory
    _ = memory.values.update(fromContentsOf: network.values)
    try center.end(weights)
  }
}
