internal import AllReduceMPI

/// Sums a gradient over all ranks, and sends less than the whole gradient between hosts.
///
/// Where hosts have several ranks, the ranks of a host sum their gradients in shared memory, bucket by bucket as they
/// become ready; the first rank of each host takes part in the compressed exchange, and the others copy the result from
/// it. Otherwise, and also on a single host, each rank counts as a host.
final class CompressedReduction<Scalar: ReducibleScalar & BinaryFloatingPoint> {
  private let memory: Arena<Scalar>
  private let buckets: [Range<Int>]
  /// The ranks of this host, if there is more than one host but fewer hosts than ranks; nil otherwise.
  private let host: Communicator?
  /// The compressed exchange; nil on ranks that leave it to the first rank of their host.
  private let exchange: (any CompressedExchange<Scalar>)?
  private var started = 0
  private var pending: PendingQueue

  /// Creates the reduction; nil if every number is sent, or if there is only one rank. Collective.
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

  /// Starts the exchange of the next bucket, which must be complete.
  func startNext() throws {
    if let host {
      pending.append(try host.startAllReduce(memory[buckets[started]], .sum))
    } else {
      try exchange?.start(bucket: started)
    }
    started += 1
  }

  /// Waits for the exchange to complete. All buckets must have been started.
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
