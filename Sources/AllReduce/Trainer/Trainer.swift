public import AllReduceMPI
public import AllReduceNN

/// Trains a network on many ranks according to a ``Plan``; the result is what one rank would compute with the whole
/// batch.
///
/// The trainer owns the network's memory and the optimizer's state. A step takes this rank's share of a global batch
/// (``share``), computes the gradient of the sum of losses, combines it with the gradients of the other ranks, and
/// updates the weights with the mean gradient over all examples. A rank's share may be empty.
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
  /// examples. If replicas synchronize in every step, the replica is all ranks.
  package let grid: Grid
  /// Which ranks sum the gradients, and which update which weights.
  package let update: UpdateMode
  /// The number of shards that a global batch is cut into so that the weights do not depend on the number of ranks; nil
  /// for no such shards.
  package let virtualShards: Int?
  /// Clips gradients to a global norm; nil for no clipping.
  package var clipping: GradientClipping?
  /// The number of the next step, from 0, on which dropout masks depend. Restored from a checkpoint.
  public var nextStep: UInt64 = 0
  /// The number of updates so far, on which the optimizers' running averages depend. Restored from a checkpoint.
  public var updates = 0
  /// The number of steps that changed no weight, because their loss or gradient was not finite.
  public internal(set) var skippedSteps = 0
  /// The seconds of forward and backward passes so far, without the exchanges.
  package internal(set) var computeSeconds = 0.0
  /// The seconds of updates so far, except those that ran within passes.
  package internal(set) var updateSeconds = 0.0
  /// The seconds of steps so far, including exchanges between replicas; counted only if replicas do not synchronize in
  /// every step.
  var stepSeconds = 0.0
  /// This rank's request for the end of the next step (to write a checkpoint, or to stop too), and after the step the
  /// sum of all ranks' requests. If replicas synchronize every few steps, the sum over all of them is known only after
  /// they have done so.
  var (ownRequest, stepRequest) = (StepRequest.none, StepRequest.none)
  /// Whether ranks sum their requests even if this needs a message of its own.
  var hasStepRequests = false
  /// Records when passes, layers and exchanges begin and end; nil for no recording.
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
  /// The loss for outputs whose features are sharded; nil if they are not.
  let shardedLoss: ShardedSoftmaxCrossEntropy<Scalar>?
  /// The layout of the outputs in which the loss is computed: `batchSharded`, `replicated` or `featureSharded`.
  let lossLayout: Layout
  let inputLayout: Layout
  /// A readable summary of the layers of the whole network.
  let layers: String
  /// The root layer that the plan runs instead of the user's; nil if the plan runs the user's own.
  let row: PlannedRow<Scalar>?
  /// The exchanges between the layers, each with the name of its layer.
  let between: [(layer: String, exchange: ExchangeRecord)]
  let batch: GroupBatch
  let exchange: NetworkExchange<Scalar>
  /// The indices of the gradient exchanges of parameters that all ranks hold, and for which all ranks have different
  /// examples.
  let front: Range<Int>
  let tree: GradientTree<Scalar>?
  /// Synchronizes replicas every few steps; nil if they synchronize in every step.
  let replicas: ReplicaExchange<Scalar>?
  let ranks: ReplicaRanks
  /// Counts the traffic of steps, except what the exchanges count themselves.
  let tally = TrafficTally()
  var totals = BatchScore()
  /// The largest number of examples in a batch, or part of a batch, of this rank so far.
  var largestBatch = 0
  /// The largest number of examples in a turn so far. In each turn, one part of a model group's examples is gathered.
  package internal(set) var largestTurn = 0
  var spans: PassSpans?
  var outputGradient = Scratch<Scalar>()
  var frontGradient = Scratch<Scalar>()
  var targetExchange: ConversionExchange<Scalar>?
  let clock = ContinuousClock()

  /// Creates a trainer: places the network's layers on the ranks, and allocates weights and gradients. Collective.
  ///
  /// - Parameters:
  ///   - root: The network's layers, whole and not yet bound to memory. Layers that the plan shards are replaced.
  ///   - input: The shape of one example's input.
  ///   - plan: The plan, which says how layers are placed and weights are updated.
  ///   - world: All ranks.
  ///   - optimizer: The update rule.
  ///   - loss: The loss to minimise. Softmax cross-entropy can be computed from outputs whose features are sharded; for
  ///     other losses the outputs are gathered.
  ///   - clipping: Clips gradients to a global norm; nil for no clipping.
  ///   - algorithm: The algorithm by which gradients are summed over the ranks.
  ///   - virtualShards: The number of shards that every global batch is cut into, whose gradients are added up along
  ///     one binary tree: the weights then have the same bits on any number of ranks that divides it. A power of two;
  ///     only for plans in which every layer is placed by data, on one host or with the update `replicated`. Nil for
  ///     none.
  ///   - seed: The seed of initial weights and dropout masks.
  /// - Throws: ``AgreedError`` on every rank if the plan cannot be carried out (exit code 64), if ranks have different
  ///   networks or plans, or if a rank cannot allocate the memory; ``ShapeError``; ``MPIError``.
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
  /// The share of a global batch that this rank passes to a step: its index, and the number of shares. If the first
  /// layers need the examples of a whole model group, all ranks of a group pass the same share.
  public var share: (index: Int, count: Int) {
    let group = inputLayout == .batchSharded ? grid.world : grid.data
    return (ranks.index * group.size + group.rank, ranks.count * group.size)
  }

  /// The number of parameters of the whole network, each counted once, even if several ranks hold it.
  package var parameterCount: Int {
    network.parameters.reduce(0) { $0 + $1.wholeShape.count }
  }

  /// Waits until this rank has the weights of the latest step.
  ///
  /// - Throws: ``MPIError``.
  public func finish() throws { try tally.counting { try exchange.finish() } }

  /// The optimizers of the ranges of weights that this rank updates, ascending, with their state.
  package var optimizers: [Optimizer<Scalar>] { exchange.updates }

  /// Whether the loss is computed on this rank's own examples, rather than on those of its model group.
  var lossIsOwn: Bool { lossLayout == .batchSharded }
}
