public import AllReduceMPI
public import AllReduceNN

/// Makes the gradients of all ranks one: the mean over the examples of all of them.
///
/// The gradient lives in an ``Arena`` and is reduced where it is. Any Swift code may fill it:
///
/// ```swift
/// let reducer = try GradientReducer<Float>(count: 31, over: world)
/// reducer.withGradient { gradient in ... }           // the sum over this rank's examples
/// let totals = try reducer.reduce(BatchScore(examples: rows, loss: loss))
/// for index in weights.indices { weights[index] -= rate * reducer.gradient[index] }
/// ```
///
/// Ranks may have different numbers of examples, and none: what is summed is the gradient of the sum
/// of losses, and what is divided by is the number of examples of all ranks, which travels with it. The
/// mean of the ranks' means would be wrong there.
///
/// After the first call nothing is allocated.
public final class GradientReducer<Scalar: ReducibleScalar & BinaryFloatingPoint> {
  /// The ranks whose gradients become one.
  public let communicator: Communicator
  /// What is asked for as the way in which gradients travel.
  public let algorithm: ReductionAlgorithm
  /// How they are made smaller between hosts.
  public let compression: any GradientCompression
  /// When their exchange starts.
  public let start: ReductionStart
  /// This rank's gradient: the sum over its examples before a reduction, the result afterwards.
  public let gradient: UnsafeMutableBufferPointer<Scalar>
  /// Where the sum is afterwards.
  let outcome: ReductionOutcome
  /// How many reductions there have been.
  public private(set) var reductions = 0
  /// What reductions have made this rank move so far.
  public var traffic: Traffic { tally.traffic }
  /// Seconds spent in reductions so far.
  public var times: ExchangeTimes { queue.times }
  /// Notes when each bucket was under way, and when the rank waited; nil for not.
  public var recorder: SpanRecorder? {
    didSet { queue.record(recorder, buckets.ranges.indices.map { "bucket \($0)" }) }
  }

  /// All memory: the header, then the gradient.
  let memory: Arena<Scalar>
  private let header: Int
  private let compressed: CompressedReduction<Scalar>?
  private let wireFormat: WireFormat
  /// Whether counts and losses travel by themselves, since they must be exact.
  private let headerIsAlone: Bool
  private var buckets: GradientBuckets
  private let queue: BucketQueue
  private let tally = TrafficTally()

  /// Examples, the sum of losses, right answers.
  private static var headerNumbers: Int { 3 }
  /// Beyond this a count is no longer exact in the header.
  private static var mostExamples: Int { 1 << (Scalar.significandBitCount + 1) }

  /// Takes memory for a gradient of `count` numbers.
  ///
  /// Collective: all ranks must call it alike. Takes `count` numbers of host memory a rank.
  ///
  /// - Parameters:
  ///   - count: Numbers of the gradient.
  ///   - communicator: The ranks.
  ///   - algorithm: How gradients travel.
  ///   - compression: How they are made smaller between hosts; counts and losses always travel whole.
  ///   - matrices: Which parts of the gradient are matrices, ascending: ``PowerSGD`` wants to know.
  ///   - start: When the exchange starts; `duringBackward` needs ``isReady(_:)`` to be called.
  ///   - bucketBytes: The most bytes of a bucket; nil for ``defaultBucketBytes(hosts:)``.
  /// - Throws: ``AgreedError`` if ranks disagree about the count or cannot get the memory; ``MPIError``.
  public convenience init(
    count: Int, over communicator: Communicator, algorithm: ReductionAlgorithm = .automatic,
    compression: any GradientCompression = .none, matrices: [GradientMatrix] = [],
    start: ReductionStart = .afterBackward, bucketBytes: Int? = nil
  ) throws {
    let header = 64 / MemoryLayout<Scalar>.stride
    try self.init(
      memoryCount: header + count, header: header, parts: [header..<header + count],
      matrices: matrices.map {
        GradientMatrix(start: $0.start + header, rows: $0.rows, columns: $0.columns)
      },
      over: communicator, algorithm: algorithm, compression: compression, start: start,
      bucketBytes: bucketBytes)
  }

  /// Takes memory of `memoryCount` numbers: `header` for the totals, then the `parts` with gaps.
  init(
    memoryCount: Int, header: Int, parts: [Range<Int>], matrices: [GradientMatrix],
    over communicator: Communicator, algorithm: ReductionAlgorithm,
    compression: any GradientCompression, start: ReductionStart, bucketBytes: Int?,
    outcome: ReductionOutcome = .everywhere
  ) throws {
    precondition(
      header >= GradientReducer.headerNumbers,
      "the totals need \(GradientReducer.headerNumbers) numbers in front of a gradient, not \(header)"
    )
    try communicator.requireEqual(memoryCount, "numbers of the gradient")
    self.communicator = communicator
    self.algorithm = algorithm
    self.compression = compression
    let wireFormat = compression.wireFormat
    self.wireFormat = wireFormat
    self.start = start
    self.header = header
    self.outcome = outcome
    memory = try Arena(count: memoryCount, over: communicator)
    gradient = UnsafeMutableBufferPointer(rebasing: memory.values[header...])
    // In 16 bits counts would be rounded, and all ranks need them whole.
    headerIsAlone =
      wireFormat != .full || compression is any PartialCompression || outcome != .everywhere
    let first = headerIsAlone ? header : 0
    let stride = MemoryLayout<Scalar>.stride
    let bucketBytes =
      start == .duringBackward
      ? bucketBytes ?? GradientReducer.defaultBucketBytes(hosts: communicator.hosts.count)
      : memoryCount * stride
    buckets = GradientBuckets(
      first..<memoryCount, parts: parts, bucketCount: bucketBytes / stride, perLine: 64 / stride)
    queue = BucketQueue(capacity: buckets.ranges.count, over: communicator)
    compressed = try CompressedReduction(
      compression, memory, buckets: buckets.ranges, matrices: matrices, over: communicator,
      algorithm: algorithm)
  }

  /// The bytes of a bucket, unless the caller says otherwise.
  ///
  /// Measured on one host of 2 cores, images a second against one exchange after the backward pass: with
  /// 20 million parameters 1.01 times, with two convolutions 1.02 times, with 0.7 million parameters
  /// 1.00; buckets of 512 KiB to 2 MiB gave less or the same. On 2 hosts with a link of 1 Gbit/s and 0.7
  /// million parameters, against 4 MiB: 1.04 times with 128 KiB to 1 MiB, as the exchange starts sooner.
  ///
  /// - Parameter hosts: How many hosts the ranks are on.
  /// - Returns: Bytes.
  public static func defaultBucketBytes(hosts: Int) -> Int { hosts == 1 ? 4 << 20 : 512 << 10 }

  /// The algorithm that reduces the largest bucket.
  public var chosenAlgorithm: ReductionAlgorithm {
    switch outcome {
    case .everywhere:
      communicator.algorithm(
        for: algorithm, count: buckets.ranges.first?.count ?? 0, of: Scalar.self, isInArena: true,
        wireFormat: wireFormat)
    case .firstOfHost: .hierarchical
    case .blocks: .ring
    case .nowhere: .sharedMemory
    }
  }

  /// The elements of ``memory`` that are reduced at once.
  var bucketRanges: [Range<Int>] { buckets.ranges }

  /// Lets code see and fill this rank's gradient.
  public func withGradient<Result: ~Copyable, Failure: Error>(
    _ body: (inout MutableSpan<Scalar>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    var span = gradient.mutableSpan
    return try body(&span)
  }

  /// Makes the gradient the mean over the examples of all ranks.
  ///
  /// Collective; a rank without examples calls it too, with a gradient of zeros.
  ///
  /// - Parameter own: This rank's examples, the sum of their losses, and right answers.
  /// - Returns: The totals over all ranks.
  /// - Throws: ``MPIError``.
  public func reduce(_ own: BatchScore) throws -> BatchScore {
    begin(own)
    let totals = try finishSum()
    GradientReducer.scale(gradient, by: Scalar(totals.gradientScale))
    return totals
  }

  /// As ``reduce(_:)``, for so many examples of this rank.
  public func reduce(examples: Int) throws -> BatchScore {
    try reduce(BatchScore(examples: examples))
  }

  /// Begins a reduction: from here on ``isReady(_:)`` may start to exchange.
  ///
  /// - Parameter own: This rank's examples, the sum of their losses, and right answers.
  public func begin(_ own: BatchScore) {
    precondition(
      own.examples >= 0 && own.examples <= GradientReducer.mostExamples,
      "a batch has 0 to \(GradientReducer.mostExamples) examples a rank, not \(own.examples)")
    queue.reset()
    buckets.reset()
    memory.values[0] = Scalar(own.examples)
    memory.values[1] = Scalar(own.loss)
    memory.values[2] = Scalar(own.correct)
  }

  /// Says that some of the gradient is complete; starts to exchange buckets that now are.
  ///
  /// Collective in effect: ranks must report the same parts in the same order.
  ///
  /// - Parameter range: Elements of ``gradient``, which are not touched until the reduction has ended.
  /// - Throws: ``MPIError``.
  public func isReady(_ range: Range<Int>) throws {
    try isReadyInMemory(range.lowerBound + header..<range.upperBound + header)
  }

  func isReadyInMemory(_ range: Range<Int>) throws {
    guard start == .duringBackward, communicator.size > 1, outcome != .nowhere else { return }
    try queue.work {
      buckets.complete(range)
      try tally.counting {
        while let bucket = buckets.nextComplete() { try startReducing(bucket) }
      }
    }
  }

  /// Moves what is under way, and lets go of what has ended.
  func makeProgress() throws { try queue.makeProgress() }

  /// Ends the reduction: the gradient is the sum over all ranks' examples.
  ///
  /// Multiply it by ``BatchScore/gradientScale`` for the mean, as an optimizer does in passing.
  ///
  /// - Returns: The totals over all ranks.
  /// - Throws: ``MPIError``.
  public func finishSum() throws -> BatchScore {
    reductions += 1
    if communicator.size > 1 {
      let from = recorder.map { _ in SpanRecorder.now() }
      try queue.wait { try tally.counting { try finishExchange() } }
      if let from, let recorder { recorder.add(recorder.name("wait"), from: from) }
    }
    return BatchScore(
      examples: Int(memory.values[0]), loss: Double(memory.values[1]),
      correct: Int(memory.values[2]))
  }

  private func finishExchange() throws {
    while outcome != .nowhere, let bucket = buckets.nextLeft() { try startReducing(bucket) }
    try queue.end()
    try compressed?.finish()
    if headerIsAlone {
      try communicator.allReduce(
        memory[0..<header], .sum, using: outcome == .nowhere ? .sharedMemory : .automatic)
    }
  }

  private func startReducing(_ bucket: Range<Int>) throws {
    let slice = memory[bucket]
    let name = CallName.bucket(bucket.lowerBound)
    try queue.start {
      if let compressed {
        try compressed.startNext()
        return nil
      }
      switch (outcome, start) {
      case (.firstOfHost, _):
        return try communicator.startAllReduceOntoHosts(
          slice, using: algorithm, wireFormat: wireFormat, named: name)
      case (.blocks, _):
        // Each block crosses each link once.
        return try communicator.start(
          .reduceScatter, slice.values, .sum, using: .ring, wireFormat: wireFormat, named: name)
      case (_, .duringBackward):
        return try communicator.startAllReduce(
          slice, .sum, using: algorithm, wireFormat: wireFormat, named: name)
      case (_, .afterBackward):
        // There is nothing to compute meanwhile.
        try communicator.allReduce(
          slice.arena.memory, slice.range, Scalar.scalarType, .sum, using: algorithm,
          wireFormat: wireFormat, name: name)
        return PendingReduction(communicator: communicator)
      }
    }
  }

  private static func scale(_ values: UnsafeMutableBufferPointer<Scalar>, by factor: Scalar) {
    for index in values.indices { values[index] *= factor }
  }
}
