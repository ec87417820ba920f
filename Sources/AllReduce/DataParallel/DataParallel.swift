public import AllReduceMPI
public import AllReduceNN

/// A network that all ranks train together: each computes the gradient of its part of every batch.
///
/// Every rank has all weights. A step computes the gradient of the rank's own examples, makes it the sum
/// over all ranks, and leaves every rank with the same gradient, from which the same update gives the same
/// weights. So p ranks do what one would do with the whole batch: with an update from
/// ``BatchScore/gradientScale``, also where ranks have different numbers of examples, or none.
///
/// ```swift
/// let parallel = try DataParallel(network, over: world)
/// let totals = try parallel.step(inputs, .classes(labels), SoftmaxCrossEntropy())
/// // ... then an optimizer's step with totals.gradientScale
/// ```
///
/// The gradients lie in an ``Arena`` in the order in which the backward pass finishes them, and are
/// exchanged there (``GradientReducer``). Batch norm sees the statistics of all ranks' examples. Nothing
/// is allocated by the exchange after the first step.
public final class DataParallel<Scalar: NetworkScalar & ReducibleScalar> {
  /// What is trained.
  public let network: Network<Scalar>
  /// What exchanges the gradients, with its times and bytes.
  public let reducer: GradientReducer<Scalar>
  /// The ranks.
  public var communicator: Communicator { reducer.communicator }
  /// The number of the next step; dropout masks depend on it.
  public var nextStep: UInt64 = 0
  /// Seconds of forward and backward passes so far, exchange left out.
  public private(set) var computeSeconds = 0.0

  /// Notes when each pass, layer and bucket began and ended; nil for not.
  public var recorder: SpanRecorder? {
    didSet {
      network.pass.recorder = recorder
      reducer.recorder = recorder
      spans = recorder.map { PassSpans($0) }
      recorder?.nameLayers(below: network.root)
    }
  }

  /// What all steps so far made this rank move, statistics of batch norm included.
  public var exchangedBytes: ExchangedBytes {
    var bytes = combined.total
    bytes.network += reducer.reductions * reducer.bytesEachReduction.network
    bytes.memory += reducer.reductions * reducer.bytesEachReduction.memory
    return bytes
  }

  private let combined = CombinedBytes()
  private var spans: PassSpans?
  private var outputGradient = Scratch<Scalar>()
  private let reportReady: (Parameter<Scalar>, Range<Int>) throws -> Void
  private let clock = ContinuousClock()

  /// Gives all ranks the weights of rank 0 and gets ready to train.
  ///
  /// Collective: all ranks must call it with the same network, seed or not. Moves the network's
  /// gradients into host memory.
  ///
  /// - Parameters:
  ///   - network: Its values and running averages are replaced by those of rank 0.
  ///   - communicator: The ranks.
  ///   - algorithm: How gradients travel.
  ///   - wireFormat: In how many bits they travel as messages.
  ///   - start: When their exchange starts.
  ///   - bucketBytes: The most bytes of a bucket; nil for ``GradientReducer/defaultBucketBytes``.
  /// - Throws: ``AgreedError`` if ranks have different networks, or one cannot get the memory; ``MPIError``.
  public init(
    _ network: Network<Scalar>, over communicator: Communicator,
    algorithm: ReductionAlgorithm = .automatic, wireFormat: WireFormat = .full,
    start: ReductionStart = .duringBackward, bucketBytes: Int? = nil
  ) throws {
    self.network = network
    let layout = network.layout
    try communicator.requireEqual(
      Int(truncatingIfNeeded: DataParallel.fingerprint(layout)), "layers of the network"
    ) { WeightChecksum.text(UInt64(bitPattern: Int64($0))) }
    let reducer = try GradientReducer<Scalar>(
      memoryCount: layout.count, header: layout.reserved,
      parts: layout.ranges.sorted { $0.lowerBound < $1.lowerBound },
      over: communicator, algorithm: algorithm, wireFormat: wireFormat,
      start: start,
      bucketBytes: bucketBytes)
    self.reducer = reducer
    let values = TensorMemory<Scalar>(count: layout.count)
    let gradients = reducer.memory.values
    network.bind(
      values: values.values, gradients: gradients,
      owner: Owner(values: values, gradients: reducer.memory))
    reportReady = { parameter, range in
      guard let base = gradients.baseAddress else { return }
      let place = parameter.gradient.base - base
      try reducer.isReadyInMemory(place + range.lowerBound..<place + range.upperBound)
    }
    if communicator.size > 1 {
      network.pass.combine = { [combined, unowned pass = network.pass] numbers in
        let start = pass.recorder.map { _ in SpanRecorder.now() }
        try communicator.allReduce(numbers, .sum, using: algorithm)
        if let start, let recorder = pass.recorder {
          recorder.add(recorder.name("statistics of all ranks"), from: start)
        }
        combined.add(numbers.count) {
          communicator.exchangedBytes(
            count: numbers.count, of: Scalar.self, using: algorithm, inArena: false)
        }
      }
    }
    try synchronize()
  }

  deinit { network.pass.combine = nil }

  /// Gives all ranks the weights and running averages of rank 0, and checks that they arrived. Collective.
  ///
  /// - Throws: ``AgreedError``; ``MPIError``.
  public func synchronize() throws {
    try communicator.broadcast(network.values, from: 0)
    for (_, tensor) in network.root.allBuffers {
      try communicator.broadcast(tensor.values, from: 0)
    }
    _ = try checksum()
  }

  /// The weights' checksum, after making sure that all ranks have the same. Collective.
  ///
  /// - Throws: ``AgreedError`` on every rank, with exit code 1, naming those that differ.
  public func checksum() throws -> UInt64 {
    let own = WeightChecksum.of(network)
    try communicator.requireEqual(Int(truncatingIfNeeded: own), "weights") {
      "the checksum " + WeightChecksum.text(UInt64(bitPattern: Int64($0)))
    }
    return own
  }

  /// Computes the gradient of a global batch: the same on all ranks, the sum over all examples.
  ///
  /// Collective. A rank whose data has ended takes part with a batch of no rows. With several
  /// micro-batches their gradients are added up here, and exchanged once, with the last one's backward
  /// pass. Set the pass's `examples` before each forward pass where there is dropout.
  ///
  /// - Parameters:
  ///   - microBatches: How many parts this rank's batch is cut into; equal on all ranks.
  ///   - forward: Computes the outputs of a part and its loss: its examples, sum of losses and right
  ///     answers, and the gradient of the outputs, `[batch, ...]`, of the sum of losses.
  /// - Returns: The totals over all ranks; update with ``BatchScore/gradientScale``.
  /// - Throws: What `forward` and the layers throw; ``MPIError``.
  public func step(
    microBatches: Int = 1,
    _ forward: (_ part: Int) throws -> (own: BatchScore, gradient: Tensor<Scalar>)
  ) throws -> BatchScore {
    precondition(microBatches >= 1, "a step has 1 or more micro-batches, not \(microBatches)")
    let from = clock.now
    let busy = reducer.times.busySeconds
    let pass = network.pass
    pass.isTraining = true
    pass.step = nextStep
    nextStep += 1
    var own = BatchScore()
    for part in 0..<microBatches {
      let (totals, gradient) = try forward(part)
      own += totals
      // A batch of no rows adds nothing, whatever a layer makes of it.
      let isEmpty = totals.examples == 0
      if part == 0, isEmpty { network.gradients.update(repeating: 0) }
      pass.accumulatesGradients = part > 0 || isEmpty
      if part == microBatches - 1 {
        reducer.begin(own)
        pass.gradientIsReady = reportReady
      }
      defer { pass.gradientIsReady = nil }
      let start = spans.map { _ in SpanRecorder.now() }
      try network.backward(gradient)
      if let start { spans?.endBackward(from: start) }
    }
    let end = clock.now
    computeSeconds += (end - from) / .seconds(1) - (reducer.times.busySeconds - busy)
    return try reducer.finishSum()
  }

  /// Computes the gradient of a global batch of which this rank has `inputs`. Collective.
  ///
  /// - Parameters:
  ///   - inputs: `[batch, ...]`; may have no rows.
  ///   - targets: As many.
  ///   - loss: What is minimised.
  /// - Returns: The totals over all ranks; update with ``BatchScore/gradientScale``.
  /// - Throws: What the loss and the layers throw; ``MPIError``.
  public func step(
    _ inputs: Tensor<Scalar>, _ targets: Targets<Scalar>, _ loss: some Loss<Scalar>
  ) throws -> BatchScore {
    try step { _ in try forward(inputs, targets, loss) }
  }

  /// Computes the outputs of a part of a batch, its loss and the gradient of the outputs.
  ///
  /// Not collective, unless a layer is.
  public func forward(
    _ inputs: Tensor<Scalar>, _ targets: Targets<Scalar>, _ loss: some Loss<Scalar>
  ) throws -> (own: BatchScore, gradient: Tensor<Scalar>) {
    let start = spans.map { _ in SpanRecorder.now() }
    let outputs = try network.forward(inputs)
    let gradient = outputGradient.tensor(outputs.shape)
    let own = try loss.evaluate(outputs, targets, gradient: gradient)
    if let start { spans?.endForward(from: start) }
    return (own, gradient)
  }

  /// Adds up what ranks found on their parts of a data set that is not trained on. Collective.
  ///
  /// - Parameter own: This rank's part.
  /// - Returns: The totals over all ranks; counts are exact.
  /// - Throws: ``MPIError``.
  public func sum(_ own: BatchScore) throws -> BatchScore {
    var numbers = [Double(own.examples), own.loss, Double(own.correct)]
    try communicator.allReduce(&numbers, .sum)
    return BatchScore(
      examples: Int(numbers[0]), loss: numbers[1], correct: Int(numbers[2]))
  }

  /// Counts what layers combine, without finding it out anew for a number of elements seen before.
  private final class CombinedBytes {
    private(set) var total = ExchangedBytes()
    private var known: [Int: ExchangedBytes] = [:]

    func add(_ count: Int, _ bytes: () -> ExchangedBytes) {
      let each = known[count] ?? bytes()
      known[count] = each
      total += each
    }
  }

  /// Keeps both memories alive for the network.
  private final class Owner {
    let values: TensorMemory<Scalar>
    let gradients: Arena<Scalar>
    init(values: TensorMemory<Scalar>, gradients: Arena<Scalar>) {
      (self.values, self.gradients) = (values, gradients)
    }
  }

  private static func fingerprint(_ layout: ParameterLayout<Scalar>) -> UInt64 {
    let text = zip(layout.parameters, layout.ranges)
      .map { "\($0.name) \($0.shape) \($1.lowerBound)" }.joined(separator: "\n")
    return Array(text.utf8).withUnsafeBytes { WeightChecksum.of($0) }
  }
}
