internal import AllReduceMPI
internal import AllReduceNN

/// Sums a range of an arena over a group of ranks, bucket by bucket during the backward pass, together with the totals
/// of a step.
///
/// Several reductions may work on one memory: the gradients of shards are summed over the ranks with the same shard,
/// and the gradients of parameters that every rank holds over all ranks. After the first step nothing is allocated.
final class BucketedReduction<Scalar: ReducibleScalar & BinaryFloatingPoint> {
  /// Where the sum of the gradients is after a reduction. The sum of the totals is on every rank.
  enum Goal {
    /// The whole sum is in every rank's memory.
    case everywhere
    /// Each rank has the sum of its own block of each bucket (``BlockPartition``).
    case blocks
    /// The whole sum is in the memory of the first rank of each host.
    case firstOfHost
    /// Nowhere: each rank still has its own gradient, in memory that the host's ranks can read.
    case memory
  }

  /// The range of elements of each bucket, ascending.
  let ranges: [Range<Int>]
  /// The bytes that this rank has exchanged for this reduction so far.
  var traffic: Traffic { tally.traffic }
  /// The algorithm that reduces the largest bucket.
  var algorithm: ReductionAlgorithm {
    switch goal {
    case .everywhere:
      communicator.algorithm(
        for: transport.algorithm, count: ranges.first?.count ?? 0, of: Scalar.self,
        isInArena: true, wireFormat: transport.compression.wireFormat)
    case .firstOfHost: .hierarchical
    case .blocks: .ring
    case .memory: .sharedMemory
    }
  }

  private let memory: Arena<Scalar>?
  private let communicator: Communicator
  private let goal: Goal
  private let transport: GradientTransport
  private let wireFormat: WireFormat
  /// The elements of the totals, if they are summed by a separate all-reduce; empty otherwise.
  private let header: Range<Int>
  private let compressed: CompressedReduction<Scalar>?
  private var buckets: GradientBuckets
  private let queue: BucketQueue
  private let tally = TrafficTally()
  private var recorder: SpanRecorder?

  /// Creates the reduction of a range. Collective where gradients are compressed.
  ///
  /// - Parameters:
  ///   - memory: The arena that holds the range; nil where the group has one rank.
  ///   - range: The elements of the gradient.
  ///   - header: The elements of the totals, just in front of the range; empty for none. They are summed with the first
  ///     bucket, or by a separate all-reduce if the bucket's sum may be rounded or is only on some ranks.
  ///   - headerIsApart: Whether the totals are always summed by a separate all-reduce.
  ///   - parts: The ranges that will be reported as ready; elements between them are reduced too.
  ///   - matrices: The parts that are matrices, ascending.
  ///   - communicator: The ranks whose gradients are summed.
  ///   - goal: Where the sum is after the reduction.
  ///   - transport: How gradients are reduced.
  ///   - clock: Counts the seconds of the exchanges.
  /// - Throws: ``MPIError``.
  init(
    _ memory: Arena<Scalar>?, _ range: Range<Int>, header: Range<Int>, headerIsApart: Bool = false,
    parts: [Range<Int>], matrices: [GradientMatrix], over communicator: Communicator, to goal: Goal,
    _ transport: GradientTransport, _ clock: ExchangeClock
  ) throws {
    precondition(memory != nil || communicator.size == 1, "ranks add up gradients in an arena")
    self.memory = memory
    self.communicator = communicator
    self.goal = goal
    self.transport = transport
    wireFormat = transport.compression.wireFormat
    let isApart =
      headerIsApart || wireFormat != .full || transport.compression is any PartialCompression
      || goal != .everywhere
    self.header = isApart ? header : header.lowerBound..<header.lowerBound
    let all = isApart || header.isEmpty ? range : header.lowerBound..<range.upperBound
    let stride = MemoryLayout<Scalar>.stride
    let bytes =
      transport.start == .duringBackward
      ? transport.bucketBytes
        ?? GradientReducer<Scalar>.defaultBucketBytes(hosts: communicator.hosts.count)
      : all.count * stride
    buckets = GradientBuckets(
      all,
      parts: parts.map { $0.clamped(to: range) }.filter { !$0.isEmpty }
        .sorted { $0.lowerBound < $1.lowerBound },
      bucketCount: bytes / stride, perLine: 64 / stride)
    ranges = buckets.ranges
    queue = BucketQueue(capacity: ranges.count, over: communicator, clock)
    let buckets = buckets.ranges
    compressed = try memory.flatMap {
      try CompressedReduction(
        transport.compression, $0, buckets: buckets, matrices: matrices, over: communicator,
        algorithm: transport.algorithm)
    }
  }

  /// Begins a step, in which no element is ready yet.
  func begin() {
    queue.reset()
    buckets.reset()
  }

  /// Notes that elements of the memory are complete, and starts to exchange the buckets that are now complete.
  func isReady(_ elements: Range<Int>) throws {
    guard transport.start == .duringBackward, goal != .memory, communicator.size > 1, let memory
    else { return }
    try queue.work {
      buckets.complete(elements)
      try tally.counting {
        while let bucket = buckets.nextComplete() { try start(memory[bucket]) }
      }
    }
  }

  /// Advances the exchanges under way, and releases those that have ended.
  func makeProgress() throws { try queue.makeProgress() }

  /// Starts the remaining buckets, and waits until all buckets and the totals are summed.
  func finish() throws {
    guard communicator.size > 1, let memory else { return }
    let from = recorder.map { _ in SpanRecorder.now() }
    try queue.wait {
      try tally.counting {
        while goal != .memory, let bucket = buckets.nextLeft() { try start(memory[bucket]) }
        try queue.end()
        try compressed?.finish()
        if !header.isEmpty {
          try communicator.allReduce(
            memory[header], .sum, using: goal == .memory ? .sharedMemory : .automatic)
        }
      }
    }
    if let from, let recorder { recorder.add(recorder.name("wait"), from: from) }
  }

  /// Releases the exchanges under way, before their memory is freed.
  func letGo() { queue.letGo() }

  /// Records in a trace when each bucket was under way, and when the rank waited; nil stops the record.
  func record(_ recorder: SpanRecorder?) {
    self.recorder = recorder
    queue.record(recorder, ranges.indices.map { "bucket \($0)" })
  }

  private func start(_ slice: ArenaSlice<Scalar>) throws {
    // Named by number: shards differ in size, so the same bucket may begin at a different element on other ranks.
    let name = CallName.bucket(queue.startedCount)
    let algorithm = transport.algorithm
    try queue.start {
      if let compressed {
        try compressed.startNext()
        return nil
      }
      switch goal {
      case .firstOfHost:
        return try communicator.startAllReduceOntoHosts(
          slice, using: algorithm, wireFormat: wireFormat, named: name)
      case .blocks:
        // In a ring, each block crosses each link once.
        return try communicator.start(
          .reduceScatter, slice.values, .sum, using: .ring, wireFormat: wireFormat, named: name)
      case .everywhere where transport.start == .afterBackward:
        // The backward pass is over, so there is nothing to compute meanwhile.
        try communicator.allReduce(
          slice.arena.memory, slice.range, Scalar.scalarType, .sum, using: algorithm,
          wireFormat: wireFormat,
          name: name)
        return PendingReduction(communicator: communicator)
      case .everywhere, .memory:
        return try communicator.startAllReduce(
          slice, .sum, using: algorithm, wireFormat: wireFormat, named: name)
      }
    }
  }
}
