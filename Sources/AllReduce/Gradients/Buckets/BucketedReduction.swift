internal import AllReduceMPI
internal import AllReduceNN

/// Adds up a range of an arena over a group of ranks, bucket by bucket while the backward pass goes on, and with it
/// a step's totals.
///
/// The gradients of one memory may have several: shards are added up over the ranks with the same shard, what every
/// rank has over all. After the first step nothing is allocated.
final class BucketedReduction<Scalar: ReducibleScalar & BinaryFloatingPoint> {
  /// Where the sum is afterwards; the totals are everywhere.
  enum Goal {
    /// In every rank's memory.
    case everywhere
    /// This rank has its block of each bucket (``BlockPartition``).
    case blocks
    /// In the memory of the first rank of each host.
    case firstOfHost
    /// Nowhere: each rank has its own gradient still, in memory of the host.
    case memory
  }

  /// The elements of each bucket, ascending.
  let ranges: [Range<Int>]
  /// The bytes that this rank has moved for it.
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
  /// The totals, where they travel by themselves.
  private let header: Range<Int>
  private let compressed: CompressedReduction<Scalar>?
  private var buckets: GradientBuckets
  private let queue: BucketQueue
  private let tally = TrafficTally()
  private var recorder: SpanRecorder?

  /// Prepares to add up a range. Collective where gradients are compressed.
  ///
  /// - Parameters:
  ///   - memory: The arena that holds it; nil where the group has one rank.
  ///   - range: The gradient.
  ///   - header: The totals, just in front of the range; empty for none. They travel in the first bucket, but where
  ///     that may round them or leave them on some ranks, by themselves.
  ///   - headerIsApart: Whether they do so in any case.
  ///   - parts: The ranges that will be reported as ready; elements between them travel too.
  ///   - matrices: The parts that are matrices, ascending.
  ///   - communicator: The ranks.
  ///   - goal: Where the sum is afterwards.
  ///   - transport: How it travels.
  ///   - clock: Counts the seconds.
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

  /// Begins a step: nothing is ready.
  func begin() {
    queue.reset()
    buckets.reset()
  }

  /// Elements of the memory are complete: starts to exchange the buckets that now are.
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

  /// Moves what is under way, and releases what has ended.
  func makeProgress() throws { try queue.makeProgress() }

  /// Starts the remaining buckets, and waits until all are added up.
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

  /// Releases what is under way, before its memory is freed.
  func letGo() { queue.letGo() }

  /// Notes when each bucket was under way, and when the rank waited; nil for not.
  func record(_ recorder: SpanRecorder?) {
    self.recorder = recorder
    queue.record(recorder, ranges.indices.map { "bucket \($0)" })
  }

  private func start(_ slice: ArenaSlice<Scalar>) throws {
    // Shards have different sizes on other ranks, so buckets begin elsewhere there.
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
        // Each block crosses each link once.
        return try communicator.start(
          .reduceScatter, slice.values, .sum, using: .ring, wireFormat: wireFormat, named: name)
      case .everywhere where transport.start == .afterBackward:
        // There is nothing to compute meanwhile.
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
