public import AllReduceMPI
public import AllReduceNN

/// A network that all ranks train together: each computes the gradient of its part of every batch.
///
/// A step computes the gradient of the rank's own examples; an update takes the optimizer's step with the
/// mean over the examples of all ranks. So p ranks do what one would do with the whole batch, also where
/// ranks have different numbers of examples, or none. ``UpdateMode`` says who adds up and updates what.
///
/// ```swift
/// let parallel = try DataParallel(network, over: world, update: .shared, optimizer: Momentum())
/// let totals = try parallel.step(inputs, .classes(labels), SoftmaxCrossEntropy())
/// try parallel.update(learningRate: 0.05)
/// ```
///
/// Without an optimizer every rank has the sum of all ranks' gradients after a step, for an update of
/// one's own with ``BatchScore/gradientScale``.
///
/// The gradients lie in an ``Arena`` in the order in which the backward pass finishes them, and are
/// exchanged there. Batch norm sees the statistics of all ranks' examples. Nothing
/// is allocated by the exchange after the first step.
public final class DataParallel<Scalar: NetworkScalar & ReducibleScalar> {
  /// What is trained.
  public let network: Network<Scalar>
  /// Who adds up gradients, and who updates which weights.
  public let mode: UpdateMode
  /// Into how many shards a global batch is cut for weights that do not depend on the number of ranks;
  /// nil where they may.
  public let virtualShards: Int?
  /// The updates so far that were not skipped; means of optimizers depend on it. Set it with the state of
  /// a checkpoint.
  public var updateCount = 0
  /// The ranks.
  public let communicator: Communicator
  /// The number of the next step; dropout masks depend on it.
  public var nextStep: UInt64 = 0
  /// Seconds of forward and backward passes so far, exchange left out.
  public internal(set) var computeSeconds = 0.0

  /// Notes when each pass, layer and bucket began and ended; nil for not.
  public var recorder: SpanRecorder? {
    didSet {
      network.pass.recorder = recorder
      exchange.record(recorder)
      spans = recorder.map { PassSpans($0) }
      recorder?.nameLayers(below: network.root)
    }
  }

  /// Where the time of exchanges went so far: of gradients, and of new weights.
  public var exchangeTimes: ExchangeTimes { exchange.clock.times }

  /// What all steps and updates so far made this rank move: gradients, new weights, statistics of batch
  /// norm, norms.
  public var traffic: Traffic { exchange.traffic }

  /// The algorithm that reduces the largest bucket.
  public var chosenAlgorithm: ReductionAlgorithm { exchange.chosenAlgorithm }

  /// What this rank updates, with what the optimizer remembers of it: parts of the flat memory, ascending.
  /// Empty without an optimizer.
  public var parameterUpdates: [Optimizer<Scalar>] { exchange.updates }

  let exchange: NetworkExchange<Scalar>
  var totals = BatchScore()
  let tree: GradientTree<Scalar>?
  var spans: PassSpans?
  var outputGradient = Scratch<Scalar>()
  let clock = ContinuousClock()

  /// Gives all ranks the weights of rank 0 and gets ready to train.
  ///
  /// Collective: all ranks must call it with the same network, seed or not. Moves the network's
  /// gradients into host memory; shared weights, and on one host sharded ones, too. A network that was
  /// made without memory never takes more than that. It takes the place of a trainer that the network has
  /// already, which must not go on.
  ///
  /// - Parameters:
  ///   - network: Its values and running averages are replaced by those of rank 0.
  ///   - communicator: The ranks.
  ///   - algorithm: How gradients travel.
  ///   - compression: How they are made smaller between hosts; in other modes than `replicated` a number
  ///     travels for each of theirs.
  ///   - start: When their exchange starts.
  ///   - bucketBytes: The most bytes of a bucket; nil for ``GradientReducer/defaultBucketBytes(hosts:)``.
  ///   - update: Who adds up gradients and updates weights; other modes than `replicated` want an optimizer.
  ///   - optimizer: What ``update(learningRate:clipping:finishing:)`` does.
  ///   - virtualShards: Cuts every global batch into so many shards, whose gradients are added up along
  ///     one binary tree: the weights are then the same bits at any number of ranks that divides it. A
  ///     power of two, and ranks too; ranks of one host, or `replicated`. Gradients travel whole, in
  ///     `replicated` mode by recursive doubling.
  /// - Throws: ``AgreedError`` if ranks have different networks, or one cannot get the memory; ``MPIError``.
  public init(
    _ network: Network<Scalar>, over communicator: Communicator,
    algorithm: ReductionAlgorithm = .automatic, compression: any GradientCompression = .none,
    start: ReductionStart = .duringBackward, bucketBytes: Int? = nil,
    update: UpdateMode = .replicated, optimizer: (any UpdateRule)? = nil,
    virtualShards: Int? = nil
  ) throws {
    self.network = network
    self.communicator = communicator
    mode = update
    let layout = network.layout
    try communicator.requireEqual(
      Int(truncatingIfNeeded: DataParallel.fingerprint(layout)), "layers of the network"
    ) { WeightChecksum.text(UInt64(bitPattern: Int64($0))) }
    try communicator.requireEqual(
      UpdateMode.allCases.firstIndex(of: update) ?? 0, "mode of update"
    ) { UpdateMode.allCases[$0].rawValue }
    self.virtualShards = virtualShards
    var transport = GradientTransport(
      algorithm: algorithm, compression: compression, start: start, bucketBytes: bucketBytes)
    if let virtualShards {
      precondition(
        virtualShards % communicator.size == 0 && virtualShards & (virtualShards - 1) == 0,
        "\(virtualShards) virtual shards are no power of two that \(communicator.size) ranks divide"
      )
      precondition(
        compression.name == WholeGradient(as: .full).name
          && (communicator.hosts.count == 1 || update == .replicated),
        "with virtual shards gradients travel whole, and on several hosts to all ranks")
      (transport.algorithm, transport.start) = (.recursiveDoubling, .afterBackward)
    }
    tree = virtualShards.map {
      GradientTree(shards: $0 / communicator.size, count: layout.count - layout.reserved)
    }
    try DataParallel.requireMemory(layout, update, optimizer, communicator)
    exchange = try NetworkExchange(network, over: communicator, update, optimizer, transport)
    try synchronize()
  }

  /// Makes sure that the network is still in the memory that is exchanged and updated here.
  func requireNetwork() {
    precondition(
      network.pass.sink === exchange, "the network is trained by another DataParallel by now")
  }

  /// Gives all ranks the weights and running averages of rank 0, and checks that they arrived. Collective.
  ///
  /// - Throws: ``AgreedError``; ``MPIError``.
  public func synchronize() throws {
    try finishUpdate()
    try exchange.memory.broadcast()
    for (_, tensor) in network.root.allBuffers {
      try communicator.broadcast(tensor.values, from: 0)
    }
    _ = try checksum()
  }

  /// The weights' checksum, after making sure that all ranks have the same. Collective.
  ///
  /// - Throws: ``AgreedError`` on every rank, with exit code 1, naming those that differ.
  public func checksum() throws -> UInt64 {
    try finishUpdate()
    let own = WeightChecksum.of(network)
    try communicator.requireEqual(Int(truncatingIfNeeded: own), "weights") {
      "the checksum " + WeightChecksum.text(UInt64(bitPattern: Int64($0)))
    }
    return own
  }

  private static func fingerprint(_ layout: ParameterLayout<Scalar>) -> UInt64 {
    let text = zip(layout.parameters, layout.ranges)
      .map { "\($0.name) \($0.shape) \($1.lowerBound)" }.joined(separator: "\n")
    return Array(text.utf8).withUnsafeBytes { WeightChecksum.of($0) }
  }
}
