public import AllReduceMPI
public import AllReduceNN

/// Trains a network on many ranks as a ``Plan`` says, and computes what one rank would with the whole batch.
///
/// The trainer owns the network's memory and the optimizer's state. A step takes this rank's share of a
/// global batch (``share``), computes the gradient of the sum of losses, combines it with those of the other ranks,
/// and updates the weights with the mean over all examples; a rank may have no example.
///
/// ```swift
/// let network = Sequential<Float>(Flatten(), Dense(64, 128), ReLU(), Dense(128, 10))
/// let trainer = try Trainer(network, input: [8, 8, 1], plan: .dataParallel, over: world,
///                           optimizer: Momentum(), loss: SoftmaxCrossEntropy())
/// let score = try trainer.step(batch, learningRate: 0.05)
/// let test = try trainer.score(on: data.test)
/// ```
///
/// Construct it identically on every rank, and call its methods in the same order. After the first step nothing is
/// allocated for exchanges.
public final class Trainer<Scalar: NetworkScalar & ReducibleScalar> {
  /// This rank's network: the user's layers, or shards of them.
  public let network: Network<Scalar>
  /// The plan, with the placement of each layer and the grid.
  package let plan: Plan
  /// All ranks.
  package let world: Communicator
  /// The grid of this rank's replica: which ranks hold shards of one copy of the weights, and which hold different
  /// examples. The replica is all ranks where replicas meet in every step.
  package let grid: Grid
  /// How gradients become new weights that all ranks hold.
  package let update: UpdateMode
  /// The number of shards that a global batch is cut into so that weights do not depend on the number of ranks; nil
  /// where they may.
  package let virtualShards: Int?
  /// Clips gradients to a global norm; nil for no clipping.
  package var clipping: GradientClipping?
  /// The number of the next step, from 0; dropout masks depend on it. Set with the state of a checkpoint.
  public var nextStep: UInt64 = 0
  /// The updates so far; means of optimizers depend on it. Set with the state of a checkpoint.
  public var updates = 0
  /// The steps whose loss or gradient was not finite: they changed no weight.
  public internal(set) var skippedSteps = 0
  /// Seconds of forward and backward passes so far, exchange left out.
  package internal(set) var computeSeconds = 0.0
  /// Seconds of updates after passes so far.
  package internal(set) var updateSeconds = 0.0
  /// Seconds of steps, meetings of replicas included; counted where these do not meet in every step.
  var stepSeconds = 0.0
  /// What this rank wants at the end of the next step; and what all ranks do, after it. Where replicas meet every few
  /// steps, what all do is known at the end of a meeting.
  var (ownWish, wish) = (StepWish.none, StepWish.none)
  /// Whether ranks agree about wishes where that takes a message of its own.
  var hasWishes = false
  /// Records when passes, layers and exchanges began and ended; nil for no recording.
  public var recorder: SpanRecorder? {
    didSet {
      network.pass.recorder = recorder
      exchange.record(recorder)
      replicas?.recorder = recorder
      spans = recorder.map { PassSpans($0) }
      recorder?.nameLayers(below: network.root)
    }
  }

  let loss: any Loss<Scalar>
  let rule: any UpdateRule
  /// The loss of outputs whose features are sharded, if they are.
  let shardedLoss: ShardedSoftmaxCrossEntropy<Scalar>?
  /// The layout that the loss is computed in: batchSharded, replicated or featureSharded.
  let lossLayout: Layout
  let inputLayout: Layout
  /// The layers of the whole network, for people.
  let layers: String
  /// The root, where the plan does not run the user's own.
  let row: PlannedRow<Scalar>?
  /// The exchanges between the layers, by layer.
  let between: [(layer: String, exchange: LayerExchange)]
  let batch: GroupBatch
  let exchange: NetworkExchange<Scalar>
  /// The exchanges of parameters that all ranks hold and have different examples for.
  let front: Range<Int>
  let tree: GradientTree<Scalar>?
  /// Where replicas meet; nil where they do in every step.
  let replicas: ReplicaExchange<Scalar>?
  let ranks: ReplicaRanks
  /// Counts what steps move other than what exchanges count themselves.
  let tally = TrafficTally()
  var totals = BatchScore()
  /// The largest number of examples in a rank's batch so far.
  var largestBatch = 0
  /// The largest number of examples in a turn so far.
  package internal(set) var largestTurn = 0
  var spans: PassSpans?
  var outputGradient = Scratch<Scalar>()
  var frontGradient = Scratch<Scalar>()
  var targetExchange: ConversionExchange<Scalar>?
  let clock = ContinuousClock()

  /// Prepares to train a network. Collective.
  ///
  /// - Parameters:
  ///   - root: The network's layers, whole and without memory. Layers that the plan shards are replaced.
  ///   - input: The shape of one example's input.
  ///   - plan: The plan, which says how layers are placed and weights are updated.
  ///   - world: All ranks.
  ///   - optimizer: The update rule.
  ///   - loss: The loss to minimise. Softmax cross-entropy can be computed of outputs whose features are sharded;
  ///     for other losses these are gathered.
  ///   - clipping: Clips gradients to a global norm; nil for no clipping.
  ///   - algorithm: How gradients travel.
  ///   - virtualShards: Cuts every global batch into this many shards, whose gradients are added up along one
  ///     binary tree: the weights then have the same bits on any number of ranks that divides it. A power of two; only
  ///     for plans in which every layer is placed by data, on one host or with the update `replicated`.
  ///   - seed: The seed of initial weights and dropout masks.
  /// - Throws: ``AgreedError`` on every rank if the plan cannot be carried out (exit code 64), if ranks have
  ///   different networks or plans, or one cannot get the memory; ``ShapeError``; ``MPIError``.
  public init(
    _ root: any Layer<Scalar>, input: Shape, plan: Plan = .dataParallel, over world: Communicator,
    optimizer: any UpdateRule, loss: any Loss<Scalar>, clipping: GradientClipping? = nil,
    algorithm: ReductionAlgorithm = .automatic, virtualShards: Int? = nil, seed: UInt64 = 0
  ) throws {
    let ranks = try ReplicaRanks(plan.meeting, over: world)
    let setting = try TrainerSetting(
      plan, for: root, input: input, ranks, lossTakesShards: loss is SoftmaxCrossEntropy<Scalar>,
      usesNorms: optimizer.usesNorms || clipping != nil, algorithm: algorithm,
      virtualShards: virtualShards)
    let resolved = setting.resolved
    (self.world, self.ranks) = (world, ranks)
    layers = root.summary
    (self.plan, update, self.virtualShards) = (setting.plan, setting.update, virtualShards)
    (self.loss, rule, self.clipping) = (loss, optimizer, clipping)
    (inputLayout, lossLayout) = (resolved.input, resolved.end.taken)
    try world.requireEqual(
      "layers: \(Trainer.outline(of: root))\noptimizer and loss: "
        + "\(Trainer.method(optimizer, loss, clipping))\nalgorithm: \(algorithm)", "training")
    grid = try Grid(ranks.own, resolved.grid)
    batch = GroupBatch(over: grid.model)
    let planned = resolved.isDataParallel ? nil : try PlannedNetwork(resolved, batch)
    let group = { (parameter: Parameter<Scalar>) -> ParameterGroups.Kind in
      planned?.groups[ObjectIdentifier(parameter)] ?? .data
    }
    row = planned?.root
    between = planned?.root.exchanges() ?? []
    network = try Network(planned?.root ?? root, input: input, seed: seed, takesMemory: false) {
      group($0).rawValue
    }
    try world.requireEqual(
      checksum: network.wholeFingerprint, "layers or seed of the network")
    shardedLoss = try ShardedSoftmaxCrossEntropy(loss, resolved, batch)
    let layout = network.layout
    tree = virtualShards.map {
      GradientTree(shards: $0 / world.size, count: layout.count - layout.reserved)
    }
    try setting.requireMemory(for: layout, optimizer, over: ranks.own)
    let parts = setting.parts(layout, grid, group)
    front = 0..<(parts[0].groups.kind == .data ? 1 : 0)
    exchange = try NetworkExchange(
      network, over: ranks.own, parts: parts, pieces: row == nil ? nil : grid.model, setting.update,
      optimizer, setting.transport, batch.clock)
    replicas = try ReplicaExchange(
      setting.plan.meeting, ranks, layout, exchange.memory, isDataParallel: row == nil,
      setting.differences, batch.clock)
    exchange.background = replicas
    _ = try checksum()
  }
}

extension Trainer {
  /// The share of a global batch that this rank passes to a step: its index, and the number of shares. Where the first
  /// layers need the examples of a whole model group, all ranks of a group pass the same share.
  public var share: (index: Int, count: Int) {
    let group = inputLayout == .batchSharded ? grid.world : grid.data
    return (ranks.index * group.size + group.rank, ranks.count * group.size)
  }

  /// The learned numbers, each counted once, however many ranks hold it.
  package var parameterCount: Int {
    network.parameters.reduce(0) { $0 + $1.wholeShape.count }
  }

  /// Waits until this rank has the weights of the latest step.
  ///
  /// - Throws: ``MPIError``.
  public func finish() throws { try tally.counting { try exchange.finish() } }

  /// The optimizers of this rank's pieces of the weights, ascending, with their state.
  package var optimizers: [Optimizer<Scalar>] { exchange.updates }

  /// Whether the loss is computed on this rank's own examples, not on the model group's.
  var lossIsOwn: Bool { lossLayout == .batchSharded }
}
