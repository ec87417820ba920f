internal import AllReduceMPI

/// Sums a gradient over all ranks while less than all of it crosses between hosts.
///
/// Where hosts have several ranks, these add up their gradients in shared memory, bucket by bucket as they
/// get ready; the first rank of each host takes part in the compressed exchange, and the others copy the
/// result from it. Elsewhere, on one host too, each rank counts as a host.
final class CompressedReduction<Scalar: ReducibleScalar & BinaryFloatingPoint> {
  private let memory: Arena<Scalar>
  private let buckets: [Range<Int>]
  /// This host's ranks, if hosts have several.
  private let host: Communicator?
  /// Nil on ranks that leave the exchange to their host's first.
  private let exchange: (any CompressedExchange<Scalar>)?
  private var started = 0
  private var pending: PendingQueue

  /// Nil if the gradient travels whole. Collective.
  init?(
    _ compression: any GradientCompression, _ memory: Arena<Scalar>, buckets: [Range<Int>],
    matrices: [GradientMatrix], over communicator: Communicator, algorithm: ReductionAlgorithm
  ) throws {
    guard communicator.size > 1, let compression = compression as? any PartialCompression
    else { return nil }
    let hosts = communicator.hosts.count
    let isShared = hosts > 1 && hosts < communicator.size
    let host = isShared ? try communicator.splitByHost() : nil
    let group =
      if let host {
        try communicator.split(optionalColor: host.isRoot ? 0 : nil)
      } else {
        communicator as Communicator?
      }
    let exchange: (any CompressedExchange<Scalar>)? = try group.map {
      try compression.makeExchange(
        CompressionPlan(
          memory: memory.values, buckets: buckets, matrices: matrices, communicator: $0,
          algorithm: isShared ? .automatic : algorithm))
    }
    self.memory = memory
    self.buckets = buckets
    self.host = host
    self.exchange = exchange
    pending = PendingQueue(capacity: buckets.count)
  }

  /// Begins with the next bucket, which is complete.
  func startNext() throws {
    if let host {
      pending.append(try host.startAllReduce(memory[buckets[started]], .sum))
    } else {
      try exchange?.start(bucket: started)
    }
    started += 1
  }

  /// Waits for the end of the exchange. All its buckets must have been started.
  func finish() throws {
    started = 0
    guard let host else {
      try exchange?.finish()
      return
    }
    try pending.waitForAll()
    if let exchange {
      for bucket in buckets.indices { try exchange.start(bucket: bucket) }
      try exchange.finish()
    }
    for bucket in buckets { try host.broadcast(memory[bucket], from: 0) }
  }
}
