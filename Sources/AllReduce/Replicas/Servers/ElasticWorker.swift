internal import AllReduceMPI
internal import AllReduceNN

/// A worker of elastic averaging: trains weights of its own, and every few steps pulls them and the center together.
final class ElasticWorker<Scalar: NetworkScalar & ReducibleScalar> {
  let center: any ElasticCenter<Scalar>
  private let network: Network<Scalar>
  private let every: Int
  private let strength: Double
  /// This worker's weights, while its network has the center between two segments.
  private var kept: TensorMemory<Scalar>?

  /// Ties a network to a center.
  ///
  /// - Parameters:
  ///   - network: The worker's.
  ///   - center: The center that it is tied to.
  ///   - every: The steps between two meetings.
  ///   - strength: α, of one worker.
  init(
    _ network: Network<Scalar>, _ center: any ElasticCenter<Scalar>, every: Int, strength: Double
  ) {
    (self.network, self.center, self.every, self.strength) = (network, center, every, strength)
  }

  /// Works until there are no batches left, and all other workers have ended too.
  ///
  /// - Parameters:
  ///   - batches: The batches of the segment.
  ///   - step: Takes a step with a batch.
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
    // The center has what each worker learned last.
    if taken > 0 { try center.meet(weights, strength: strength) }
    let memory = kept ?? TensorMemory(count: network.values.count)
    kept = memory
    _ = memory.values.update(fromContentsOf: network.values)
    try center.end(weights)
  }
}
