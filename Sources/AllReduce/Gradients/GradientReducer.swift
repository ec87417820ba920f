public import AllReduceMPI
public import AllReduceNN

/// Averages the gradients of all ranks over the examples of all of them.
///
/// The gradient lives in an ``Arena`` and is reduced where it is. Any Swift code may fill it:
///
/// ```swift
/// let reducer = try GradientReducer<Double>(count: 31, over: world)
/// reducer.withGradient { addUp(ownExamples, at: weights, into: &$0) }   // the sum over this rank's examples
/// let totals = try reducer.reduce(BatchScore(examples: ownExamples.count, loss: loss))
/// for index in weights.indices { weights[index] -= rate * reducer.gradient[index] }
/// ```
///
/// Ranks may have different numbers of examples, or none: the gradient of the sum of losses is summed, and
/// divided by the number of examples of all ranks, which travels with it. The mean of the ranks' means would be
/// wrong there.
///
/// After the first call nothing is allocated.
public final class GradientReducer<Scalar: ReducibleScalar & BinaryFloatingPoint> {
  /// The ranks whose gradients become one.
  package let communicator: Communicator
  /// This rank's gradient: the sum over its examples before a reduction, the result afterwards.
  public let gradient: UnsafeMutableBufferPointer<Scalar>
  /// How many reductions there have been.
  package private(set) var reductions = 0
  /// The bytes that reductions have moved on this rank so far.
  package var traffic: Traffic { reduction.traffic }
  /// Seconds spent in reductions so far.
  package var times: ExchangeTimes { clock.times }
  /// The algorithm that reduces the largest bucket.
  package var chosenAlgorithm: ReductionAlgorithm { reduction.algorithm }
  /// Notes when each bucket was under way, and when the rank waited; nil for not.
  package var recorder: SpanRecorder? {
    didSet { reduction.record(recorder) }
  }

  /// The totals, then the gradient.
  private let memory: Arena<Scalar>
  private let header: Int
  private let reduction: BucketedReduction<Scalar>
  private let clock = ExchangeClock()

  /// Allocates memory for a gradient of `count` numbers.
  ///
  /// Collective: all ranks must call it with the same arguments. Uses `count` numbers of host memory a rank.
  ///
  /// - Parameters:
  ///   - count: Numbers of the gradient.
  ///   - communicator: The ranks.
  ///   - algorithm: How gradients travel.
  ///   - compression: How they are compressed between hosts; counts and losses always travel whole.
  /// - Throws: ``AgreedError`` if ranks disagree about the count or cannot get the memory; ``MPIError``.
  public convenience init(
    count: Int, over communicator: Communicator, algorithm: ReductionAlgorithm = .automatic,
    compression: any GradientCompression = .none
  ) throws {
    try self.init(
      count: count, over: communicator, algorithm: algorithm, compression: compression,
      matrices: [])
  }

  /// Same as the public initializer, for gradients with matrices, and those that are exchanged in buckets.
  ///
  /// - Parameters:
  ///   - count: Numbers of the gradient.
  ///   - communicator: The ranks.
  ///   - algorithm: How gradients travel.
  ///   - compression: How they are compressed between hosts; counts and losses always travel whole.
  ///   - matrices: The parts of the gradient that are matrices, ascending, for ``PowerSGD``.
  ///   - start: When the exchange starts; `duringBackward` needs ``isReady(_:)`` to be called.
  ///   - bucketBytes: The largest number of bytes of a bucket; nil for ``defaultBucketBytes(hosts:)``.
  /// - Throws: ``AgreedError`` if ranks disagree about the count or cannot get the memory; ``MPIError``.
  package init(
    count: Int, over communicator: Communicator, algorithm: ReductionAlgorithm = .automatic,
    compression: any GradientCompression = .none, matrices: [GradientMatrix] = [],
    start: ReductionStart = .afterBackward, bucketBytes: Int? = nil
  ) throws {
    try communicator.requireEqual(count, "numbers of the gradient")
    let header = max(64 / MemoryLayout<Scalar>.stride, BatchScore.totalsCount)
    let memory = try Arena<Scalar>(count: header + count, over: communicator)
    let elements = header..<header + count
    self.communicator = communicator
    self.header = header
    self.memory = memory
    gradient = UnsafeMutableBufferPointer(rebasing: memory.values[elements])
    reduction = try BucketedReduction(
      memory, elements, header: 0..<header, parts: [elements],
      matrices: matrices.map {
        GradientMatrix(start: $0.start + header, rows: $0.rows, columns: $0.columns)
      },
      over: communicator, to: .everywhere,
      GradientTransport(
        algorithm: algorithm, compression: compression, start: start, bucketBytes: bucketBytes),
      clock)
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
  package static func defaultBucketBytes(hosts: Int) -> Int { hosts == 1 ? 4 << 20 : 512 << 10 }

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

  /// Same as ``reduce(_:)``, for a rank that reports only its number of examples. Collective.
  ///
  /// - Parameter examples: This rank's examples in the step; 0 if it had none.
  /// - Returns: The examples of all ranks.
  /// - Throws: As ``reduce(_:)``.
  public func reduce(examples: Int) throws -> BatchScore {
    try reduce(BatchScore(examples: examples))
  }

  /// Begins a reduction: from here on ``isReady(_:)`` may start to exchange.
  ///
  /// - Parameter own: This rank's examples, the sum of their losses, and right answers.
  package func begin(_ own: BatchScore) {
    own.write(to: memory.values)
    reduction.begin()
  }

  /// Says that some of the gradient is complete; starts to exchange buckets that now are.
  ///
  /// Collective in effect: ranks must report the same parts in the same order.
  ///
  /// - Parameter range: Elements of ``gradient``, which are not touched until the reduction has ended.
  /// - Throws: ``MPIError``.
  package func isReady(_ range: Range<Int>) throws {
    try reduction.isReady(range.lowerBound + header..<range.upperBound + header)
  }

  /// Ends the reduction: the gradient is the sum over all ranks' examples.
  ///
  /// Multiply it by ``BatchScore/gradientScale`` for the mean, as an optimizer does in passing.
  ///
  /// - Returns: The totals over all ranks.
  /// - Throws: ``MPIError``.
  package func finishSum() throws -> BatchScore {
    reductions += 1
    try reduction.finish()
    return BatchScore(totals: memory.values)
  }

  @_specialize(where Scalar == Float)
  @_specialize(where Scalar == Double)
  private static func scale(_ values: UnsafeMutableBufferPointer<Scalar>, by factor: Scalar) {
    for index in values.indices { values[index] *= factor }
  }
}
