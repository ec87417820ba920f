public import AllReduceMPI
public import AllReduceNN

/// A network whose dense layers are divided by weights, and whose other layers may be divided by data.
///
/// Without a transition all ranks of a model group have the same examples, and each a shard of every dense
/// layer. With one (the mix of both) each rank runs the layers before the first dense one on its own
/// examples, and all ranks of the group together run the dense layers on the examples of all. Several
/// groups (``Grid``) have other examples and add their gradients up. What comes of a step is what one rank
/// with the whole network and batch would get.
///
/// ```swift
/// let grid = try Grid(world)
/// let parallel = try ModelParallel<Float>(layers, input: [784], over: grid, optimizer: Momentum())
/// let total = try parallel.step(inputs, labels)
/// try parallel.update(OptimizerStep(number: 1, learningRate: 0.1, gradientScale: total.gradientScale))
/// ```
///
/// The loss is softmax cross-entropy. Nothing that is divided is ever whole on a rank.
public final class ModelParallel<Scalar: NetworkScalar & ReducibleScalar> {
  /// This rank's layers and their memory.
  public let network: Network<Scalar>
  /// The layers.
  public let layers: SplitNetwork<Scalar>
  /// Who shares what.
  public let grid: Grid
  /// The elements of the flat memory whose parameters follow the transition; all, if there is none.
  public let backRange: Range<Int>
  /// Those in front of it: the same on all ranks.
  public let frontRange: Range<Int>
  /// The number of the next step; dropout masks depend on it.
  public var nextStep: UInt64 = 0
  /// Notes when each layer began and ended; nil for not.
  public var recorder: SpanRecorder? {
    didSet {
      network.pass.recorder = recorder
      backPass.recorder = recorder
      exchange.record(recorder)
      recorder?.nameLayers(below: network.root)
    }
  }
  /// Seconds of forward and backward passes so far, exchange left out.
  public internal(set) var computeSeconds = 0.0
  /// Seconds of updates after passes so far; what is updated within a pass back is part of
  /// ``computeSeconds``.
  public internal(set) var updateSeconds = 0.0
  /// The most examples that were in the divided layers at once.
  public internal(set) var largestTurn = 0

  let wholeLoss: SoftmaxCrossEntropy<Scalar>
  let dividedLoss: ShardedSoftmaxCrossEntropy<Scalar>?
  /// Of the back's gradients and weights, then of the front's, if there is one.
  let exchange: NetworkExchange<Scalar>
  /// The numbers of both.
  static var back: Range<Int> { 0..<1 }
  static var front: Range<Int> { 1..<2 }
  let backPass = Pass<Scalar>()
  var outputGradient = Scratch<Scalar>()
  var frontGradient = Scratch<Scalar>()
  let clock = ContinuousClock()

  /// Divides a network and draws this rank's first values.
  ///
  /// Collective: all ranks must call it with the same layers and seed.
  ///
  /// - Parameters:
  ///   - layers: Whole ones, without memory; the dense ones are replaced by shards.
  ///   - input: The shape of one example's input.
  ///   - grid: Who shares what.
  ///   - transition: How activations get from layers divided by data to those divided by weights; nil to
  ///     divide by weights only.
  ///   - labelSmoothing: Of the loss.
  ///   - seed: Of the first values and dropout masks.
  ///   - update: Who updates which weights, of those that several ranks hold.
  ///   - optimizer: What ``update(_:_:clipping:)`` does.
  ///   - bucketBytes: The most bytes of gradients that are added up at once.
  /// - Throws: ``AgreedError`` on every rank if ranks disagree, or layers cannot be divided over so many;
  ///   ``ShapeError``; ``MPIError``.
  public init(
    _ layers: [any Layer<Scalar>], input: Shape, over grid: Grid, transition: Transition? = nil,
    labelSmoothing: Double = 0, seed: UInt64 = 0, update: UpdateMode = .replicated,
    optimizer: (any UpdateRule)? = nil, bucketBytes: Int? = nil
  ) throws {
    self.grid = grid
    let split = try SplitNetwork(
      layers, input: input, over: grid.model, transition: transition)
    self.layers = split
    let network = try Network(split, input: input, seed: seed, takesMemory: false)
    self.network = network
    wholeLoss = SoftmaxCrossEntropy(labelSmoothing: labelSmoothing)
    dividedLoss = try split.dividedOutputs.map {
      try ShardedSoftmaxCrossEntropy(
        classes: $0, over: grid.model, labelSmoothing: labelSmoothing)
    }
    let layout = network.layout
    let backCount = split.back.allParameters.count
    let end =
      backCount < layout.ranges.count ? layout.ranges[backCount].lowerBound : layout.count
    backRange = layout.reserved..<end
    frontRange = end..<layout.count
    try grid.world.requireEqual(
      Int(truncatingIfNeeded: network.wholeFingerprint), "layers or seed of the network"
    ) { WeightChecksum.text(UInt64(bitPattern: Int64($0))) }

    try grid.world.requireMemory(
      (2 + (optimizer?.vectorCount ?? 0)) * layout.count * MemoryLayout<Scalar>.stride,
      for: "memory for the training of \(layout.count) numbers a rank")
    backPass.seed = seed
    // The totals of the groups travel with the divided layers' gradients.
    var parts = [
      NetworkPart(
        elements: backRange, groups: ParameterGroups(copies: grid.data, isSharded: true))
    ]
    if split.front != nil {
      parts.append(
        NetworkPart(elements: frontRange, groups: ParameterGroups(copies: grid.world)))
    }
    exchange = try NetworkExchange(
      network, over: grid.world, parts: parts, pieces: grid.model, update, optimizer,
      GradientTransport(bucketBytes: bucketBytes))
    backPass.sink = exchange
  }
}
