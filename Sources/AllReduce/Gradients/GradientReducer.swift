public import AllReduceMPI
public import AllReduceNN

/// Averages the gradients of all ranks over all ranks' examples.
///
/// The gradient lives in an ``Arena`` and is reduced in place. Any Swift code may fill it:
///
/// ```swift
/// let reducer = try GradientReducer<Double>(count: 31, over: world)
/// reducer.withGradient { addUp(ownExamples, at: weights, into: &$0) }   // the sum over this rank's examples
/// let totals = try reducer.reduce(BatchScore(examples: ownExamples.count, loss: loss))
/// for index in weights.indices { weights[index] -= rate * reducer.gradient[index] }
/// ```
///
/// Ranks may have different numbers of examples, or none. So each rank provides the gradient of the sum of its losses;
/// these gradients are summed, and divided by the number of examples of all ranks, which is summed with them. The mean
/// of the ranks' means would be wrong there.
///
/// After the first call nothing is allocated.
public final class GradientReducer<Scalar: ReducibleScalar & BinaryFloatingPoint> {
  /// This rank's gradient: before a reduction the sum over its examples, afterwards the result.
  public let gradient: UnsafeMutableBufferPointer<Scalar>
  /// The bytes that this rank has exchanged in reductions so far.
  package var traffic: Traffic { reduction.traffic }

  /// The totals of a step, then the gradient.
  private let memory: Arena<Scalar>
  private let header: Int
  private let reduction: BucketedReduction<Scalar>
  private let clock = ExchangeClock()

  /// Creates a reducer, with memory for a gradient of `count` numbers.
  ///
  /// Collective: all ranks must call it with the same arguments. Uses host memory for `count` numbers per rank.
  ///
  /// - Parameters:
  ///   - count: The number of elements of the gradient.
  ///   - communicator: The ranks whose gradients are averaged.
  ///   - algorithm: The algorithm that reduces gradients.
  ///   - compression: How gradients are compressed between hosts; counts and losses are never compressed.
  /// - Throws: ``AgreedError`` if ranks disagree about the count or cannot get the memory; ``MPIError``.
  public convenience init(
    count: Int, over communicator: Communicator, algorithm: ReductionAlgorithm = .automatic,
    compression: any GradientCompression = .none
  ) throws {
    try self.init(
      count: count, over: communicator, algorithm: algorithm, compression: compression,
      matrices: [])
  }

  /// Creates a reducer as the public initializer does, also for gradients with matrices or in buckets.
  ///
  /// - Parameters:
  ///   - count: The number of elements of the gradient.
  ///   - communicator: The ranks whose gradients are averaged.
  ///   - algorithm: The algorithm that reduces gradients.
  ///   - compression: How gradients are compressed between hosts; counts and losses are never compressed.
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

  /// Returns the largest number of bytes of a bucket, where the caller sets none.
  ///
  /// Measured in images per second, relative to one exchange after the backward pass, on one host of 2 cores: 1.01 with
  /// 20 million parameters, 1.02 with two convolutions, 1.00 with 0.7 million parameters; buckets of 512 KiB to 2 MiB
  /// gave less or the same. On 2 hosts with a link of 1 Gbit/s and 0.7 million parameters, relative to buckets of 4
  /// MiB: 1.04 with 128 KiB to 1 MiB, because the exchange starts sooner.
  ///
  /// - Parameter hosts: The number of hosts that the ranks are on.
  /// - Returns: The number of bytes.
  package static func defaultBucketBytes(hosts: Int) -> Int { hosts == 1 ? 4 << 20 : 512 << 10 }

  /// Calls `body` with this rank's gradient, to read and to fill.
  public func withGradient<Result: ~Copyable, Failure: Error>(
    _ body: (inout MutableSpan<Scalar>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    var span = gradient.mutableSpan
    return try body(&span)
  }

  /// Reduces the gradient to the mean over the examples of all ranks.
  ///
  /// Collective; a rank without examples calls it too, with a gradient of zeros.
  ///
  /// - Parameter own: The number of this rank's examples, the sum of their losses, and the number of right answers.
  /// - Returns: The totals over all ranks.
  /// - Throws: ``MPIError``.
  public func reduce(_ own: BatchScore) throws -> BatchScore {
    begin(own)
    let totals = try finishSum()
    GradientReducer.scale(gradient, by: Scalar(totals.gradientScale))
    return totals
  }

  /// Reduces the gradient as ``reduce(_:)`` does, for a rank that reports only its number of examples. Collective.
  ///
  /// - Parameter examples: The number of this rank's examples in the step; 0 if it had none.
  /// - Returns: The totals over all ranks, with the number of examples of all ranks.
  /// - Throws: The errors of ``reduce(_:)``.
  public func reduce(examples: Int) throws -> BatchScore {
    try reduce(BatchScore(examples: examples))
  }

  /// Begins a reduction, in which ``isReady(_:)`` may start to exchange buckets.
  ///
  /// - Parameter own: The number of this rank's examples, the sum of their losses, and the number of right answers.
  package func begin(_ own: BatchScore) {
    own.write(to: memory.values)
    reduction.begin()
  }

  /// Reports that a range of the gradient is complete, and starts to exchange the buckets that are now complete.
  ///
  /// Collective in effect: ranks must report the same ranges in the same order.
  ///
  /// - Parameter range: The complete elements of ``gradient``, which must not be touched until the reduction has
  ///   completed.
  /// - Throws: ``MPIError``.
  package func isReady(_ range: Range<Int>) throws {
    try reduction.isReady(range.lowerBound + header..<range.upperBound + header)
  }

  /// Completes the reduction: the gradient is then the sum over all ranks' examples.
  ///
  /// For the mean, multiply the gradient by ``BatchScore/gradientScale``, as an optimizer does within its update.
  ///
  /// - Returns: The totals over all ranks.
  /// - Throws: ``MPIError``.
  package func finishSum() throws -> BatchScore {
    try reduction.finish()
    return BatchScore(totals: memory.values)
  }

  @_specialize(where Scalar == Float)
  @_specialize(where Scalar == Double)
  private static func scale(_ values: UnsafeMutableBufferPointer<Scalar>, by factor: Scalar) {
    for index in values.indices { values[index] *= factor }
  }
}
