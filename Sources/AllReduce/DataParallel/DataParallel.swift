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
/// exchanged there (``GradientReducer``). Batch norm sees the statistics of all ranks' examples. Nothing
/// is allocated by the exchange after the first step.
public final class DataParallel<Scalar: NetworkScalar & ReducibleScalar> {
  /// What is trained.
  public let network: Network<Scalar>
  /// What exchanges the gradients, with its times and bytes.
  public let reducer: GradientReducer<Scalar>
  /// Who adds up gradients, and who updates which weights.
  public let mode: UpdateMode
  /// Into how many shards a global batch is cut for weights that do not depend on the number of ranks;
  /// nil where they may.
  public let virtualShards: Int?
  /// The updates so far that were not skipped; means of optimizers depend on it. Set it with the state of
  /// a checkpoint.
  public var updateCount = 0
  /// The ranks.
  public var communicator: Communicator { reducer.communicator }
  /// The number of the next step; dropout masks depend on it.
  public var nextStep: UInt64 = 0
  /// Seconds of forward and backward passes so far, exchange left out.
  public internal(set) var computeSeconds = 0.0

  /// Notes when each pass, layer and bucket began and ended; nil for not.
  public var recorder: SpanRecorder? {
    didSet {
      network.pass.recorder = recorder
      reducer.recorder = recorder
      scheme?.record(recorder)
      spans = recorder.map { PassSpans($0) }
      recorder?.nameLayers(below: network.root)
    }
  }

  /// Where the time of exchanges went so far: of gradients, and of new weights.
  public var exchangeTimes: ExchangeTimes {
    guard let scheme else { return reducer.times }
    return reducer.times + scheme.times
  }

  /// What all steps and updates so far made this rank move: gradients, new weights, statistics of batch
  /// norm, norms.
  public var traffic: Traffic { reducer.traffic + tally.traffic }

  /// What this rank updates, with what the optimizer remembers of it: parts of the flat memory, ascending.
  /// Empty without an optimizer.
  public var parameterUpdates: [Optimizer<Scalar>] { scheme?.updates ?? [] }

  let scheme: (any UpdateScheme<Scalar>)?
  var totals = BatchScore()
  /// Sums of squares, where an update must know those of the whole gradient.
  let squares: TensorMemory<Double>
  let tree: GradientTree<Scalar>?
  /// One rank of each host, this one's first; nil on the others, or where every rank has weights.
  private let writers: Communicator?
  private let host: Communicator?
  /// Whether this rank answers for the weights that it computes with: its own, or its host's.
  var answersForWeights: Bool { host == nil || writers != nil }
  /// Counts what steps and updates move besides gradients.
  let tally = TrafficTally()
  var spans: PassSpans?
  var outputGradient = Scratch<Scalar>()
  let reportReady: (Parameter<Scalar>, Range<Int>) throws -> Void
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
    // It may have left weights on their way to the memory that the network is in until now.
    try (network.trainer as? DataParallel)?.finishUpdate()
    mode = update
    let layout = network.layout
    try communicator.requireEqual(
      Int(truncatingIfNeeded: DataParallel.fingerprint(layout)), "layers of the network"
    ) { WeightChecksum.text(UInt64(bitPattern: Int64($0))) }
    try communicator.requireEqual(
      UpdateMode.allCases.firstIndex(of: update) ?? 0, "mode of update"
    ) { UpdateMode.allCases[$0].rawValue }
    let isOneHost = communicator.hosts.count == 1
    precondition(
      optimizer != nil || update == .replicated, "an update that is \(update) needs an optimizer")
    precondition(
      update == .replicated || !(compression is any PartialCompression),
      "an update that is \(update) adds up whole gradients, not \(compression.name)")
    self.virtualShards = virtualShards
    if let virtualShards {
      precondition(
        virtualShards % communicator.size == 0 && virtualShards & (virtualShards - 1) == 0,
        "\(virtualShards) virtual shards are no power of two that \(communicator.size) ranks divide"
      )
      precondition(
        compression.name == WholeGradient(as: .full).name
          && (isOneHost || update == .replicated),
        "with virtual shards gradients travel whole, and on several hosts to all ranks")
      tree = GradientTree(
        shards: virtualShards / communicator.size, count: layout.count - layout.reserved)
    } else {
      tree = nil
    }
    let algorithm = virtualShards == nil ? algorithm : .recursiveDoubling
    try DataParallel.requireMemory(layout, update, optimizer, communicator)
    squares = TensorMemory(
      count: optimizer?.usesNorms == true ? 2 * layout.parameters.count : 1)
    // One rank has nobody to share with.
    let update = communicator.size == 1 ? .replicated : update
    let reducer = try GradientReducer<Scalar>(
      memoryCount: layout.count, header: layout.reserved,
      parts: layout.ranges.sorted { $0.lowerBound < $1.lowerBound },
      matrices: layout.matrices, over: communicator, algorithm: algorithm, compression: compression,
      start: virtualShards == nil ? start : .afterBackward, bucketBytes: bucketBytes,
      outcome: ReductionOutcome(for: update, onOneHost: isOneHost))
    self.reducer = reducer
    let gradients = reducer.memory.values
    let host =
      update == .replicated
      ? nil : isOneHost ? communicator : try communicator.splitByHost()
    if let host, update == .shared || isOneHost {
      let weights = try Arena<Scalar>(
        count: layout.count, over: communicator,
        sharing: update == .shared ? .single : .symmetric)
      let owner = Owner(values: weights, gradients: reducer.memory)
      let isWriter = update == .sharded || host.rank == 0
      if isWriter { network.bind(values: weights.values, gradients: gradients, owner: owner) }
      try host.barrier()
      if !isWriter {
        network.bind(values: weights.values, gradients: gradients, owner: owner, adopting: true)
      }
      writers = update == .shared ? try communicator.split(optionalColor: isWriter ? 0 : nil) : nil
      scheme = optimizer.map {
        HostUpdate(
          $0, layout, gradients: reducer.memory, weights: weights, over: communicator, host: host)
      }
    } else {
      let values = TensorMemory<Scalar>(count: layout.count)
      network.bind(
        values: values.values, gradients: gradients,
        owner: Owner(values: values, gradients: reducer.memory))
      writers = nil
      scheme = optimizer.map { optimizer -> any UpdateScheme<Scalar> in
        guard update == .sharded else { return ReplicatedUpdate(optimizer, network) }
        return BlockUpdate(
          optimizer, network, buckets: reducer.bucketRanges, over: communicator)
      }
    }
    self.host = update == .shared ? host : nil
    reportReady = { parameter, range in
      guard let base = gradients.baseAddress else { return }
      let place = parameter.gradient.base - base
      try reducer.isReadyInMemory(place + range.lowerBound..<place + range.upperBound)
    }
    network.pass.forgetRanks()
    // Memory is shared as fast as it is filled, so only the network gains from parts.
    if !isOneHost, start == .duringBackward {
      network.pass.elementsAtOnce = reducer.bucketRanges.first?.count
      network.pass.makeProgress = { [scheme] in
        try reducer.makeProgress()
        try scheme?.makeProgress()
      }
    }
    scheme?.finishBeforeUse(in: network)
    if communicator.size > 1 {
      network.pass.combine = { [unowned pass = network.pass] numbers in
        let start = pass.recorder.map { _ in SpanRecorder.now() }
        try communicator.allReduce(numbers, .sum, using: algorithm)
        if let start, let recorder = pass.recorder {
          recorder.add(recorder.name("statistics of all ranks"), from: start)
        }
      }
    }
    network.trainer = self
    try synchronize()
  }

  deinit {
    // Not finishUpdate(): where an error is on its way to the user, others may never come.
    scheme?.letGo()
    // It is no longer this one; what the one that took its place has set stays.
    if network.trainer == nil { network.pass.forgetRanks() }
  }

  /// Makes sure that the network is still in the memory that is exchanged and updated here.
  func requireNetwork() {
    precondition(network.trainer === self, "the network is trained by another DataParallel by now")
  }

  /// Gives all ranks the weights and running averages of rank 0, and checks that they arrived. Collective.
  ///
  /// - Throws: ``AgreedError``; ``MPIError``.
  public func synchronize() throws {
    try finishUpdate()
    if let host {
      // Rank 0 is the first of its host. Nobody else writes what all ranks of a host read.
      try host.barrier()
      try writers?.broadcast(network.values, from: 0)
      try host.barrier()
    } else {
      try communicator.broadcast(network.values, from: 0)
    }
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

  /// Keeps both memories alive for the network.
  private final class Owner {
    let values: AnyObject
    let gradients: Arena<Scalar>
    init(values: AnyObject, gradients: Arena<Scalar>) {
      (self.values, self.gradients) = (values, gradients)
    }
  }

  private static func fingerprint(_ layout: ParameterLayout<Scalar>) -> UInt64 {
    let text = zip(layout.parameters, layout.ranges)
      .map { "\($0.name) \($0.shape) \($1.lowerBound)" }.joined(separator: "\n")
    return Array(text.utf8).withUnsafeBytes { WeightChecksum.of($0) }
  }
}

extension ParameterLayout {
  /// The parameters that are matrices: `[first size, all others]`.
  fileprivate var matrices: [GradientMatrix] {
    zip(parameters, ranges).filter { $0.0.shape.rank > 1 && !$0.1.isEmpty }.map {
      let rows = $0.shape.sizes[0]
      return GradientMatrix(
        start: $1.lowerBound, rows: rows, columns: $1.count / rows)
    }
  }
}
