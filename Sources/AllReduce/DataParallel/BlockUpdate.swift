internal import AllReduceMPI
internal import AllReduceNN

/// Each rank updates its block of every bucket, of which it has the sum, and gives the others the new
/// weights by messages while it updates the next.
///
/// Nobody else writes this rank's weights but the messages that it asks for here, after its backward pass.
final class BlockUpdate<Scalar: NetworkScalar & ReducibleScalar>: UpdateScheme {
  let updates: [ParameterUpdate<Scalar>]
  let bytesEachUpdate: ExchangedBytes
  private let buckets: [Range<Int>]
  private let weights: UnsafeMutableBufferPointer<Scalar>
  private let gradient: UnsafeMutableBufferPointer<Scalar>
  private let communicator: Communicator
  private var pending: PendingQueue

  init(
    _ optimizer: any Optimizer<Scalar>, _ network: Network<Scalar>, buckets: [Range<Int>],
    over communicator: Communicator
  ) {
    self.buckets = buckets
    self.communicator = communicator
    weights = network.values
    gradient = network.gradients
    updates = buckets.map { bucket in
      let own = BlockPartition(count: bucket.count, parts: communicator.size)[communicator.rank]
      return ParameterUpdate(
        optimizer, layout: network.layout,
        range: bucket.lowerBound + own.lowerBound..<bucket.lowerBound + own.upperBound)
    }
    pending = PendingQueue(capacity: buckets.count)
    bytesEachUpdate = buckets.reduce(into: ExchangedBytes()) {
      $0 += communicator.blockBytes(.allGather, count: $1.count, of: Scalar.self)
    }
  }

  func measure(_ squares: UnsafeMutableBufferPointer<Double>) throws {
    for update in updates {
      update.addFigures(
        of: update.range, weights: weights.baseAddress.unsafelyUnwrapped + update.range.lowerBound,
        gradient: gradient.baseAddress.unsafelyUnwrapped + update.range.lowerBound, to: squares)
    }
    try communicator.allReduce(squares, .sum)
  }

  func update(_ step: OptimizerStep, isMeasured: Bool) throws {
    for (bucket, update) in zip(buckets, updates) {
      update.update(
        update.range,
        weights: weights.baseAddress.unsafelyUnwrapped + update.range.lowerBound,
        gradient: gradient.baseAddress.unsafelyUnwrapped + update.range.lowerBound, step)
      pending.append(
        communicator.startByRing(
          .allGather, UnsafeMutableBufferPointer(rebasing: weights[bucket])))
      communicator.makeProgress()
    }
    try pending.waitForAll()
  }
}

extension Communicator {
  /// Starts a reduce-scatter or all-gather, by which each block crosses each link once.
  func startByRing<Scalar: ReducibleScalar>(
    _ collective: Collective, _ values: UnsafeMutableBufferPointer<Scalar>,
    wireFormat: WireFormat = .full
  ) -> PendingReduction {
    guard size > 1, let base = UnsafeMutableRawPointer(values.baseAddress), !values.isEmpty else {
      return PendingReduction(communicator: self)
    }
    let run = start(
      collective, on: base, count: values.count, ReductionKernel.of(.sum, Scalar.scalarType),
      using: .ring, wireFormat: wireFormat)
    add(run)
    return PendingReduction(run: run, communicator: self)
  }
}
