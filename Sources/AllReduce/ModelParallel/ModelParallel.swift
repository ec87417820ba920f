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
/// let parallel = try ModelParallel<Float>(layers, input: [784], over: grid)
/// let total = try parallel.step(inputs, labels)
/// parallel.update(update, step)       // with total.gradientScale
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
      recorder?.nameLayers(below: network.root)
    }
  }
  /// Seconds of forward and backward passes so far, exchange left out.
  public private(set) var computeSeconds = 0.0
  /// The most examples that were in the divided layers at once.
  public private(set) var largestTurn = 0

  private let wholeLoss: SoftmaxCrossEntropy<Scalar>
  private let dividedLoss: ShardedSoftmaxCrossEntropy<Scalar>?
  private let backReducer: RangeReducer<Scalar>?
  private let frontReducer: RangeReducer<Scalar>?
  private let backPass = Pass<Scalar>()
  private var outputGradient = Scratch<Scalar>()
  private var frontGradient = Scratch<Scalar>()
  private let reportReady: ((Parameter<Scalar>, Range<Int>) throws -> Void)?
  private let clock = ContinuousClock()

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
  ///   - bucketBytes: The most bytes of gradients that are added up at once.
  /// - Throws: ``AgreedError`` on every rank if ranks disagree, or layers cannot be divided over so many;
  ///   ``ShapeError``; ``MPIError``.
  public init(
    _ layers: [any Layer<Scalar>], input: Shape, over grid: Grid, transition: Transition? = nil,
    labelSmoothing: Double = 0, seed: UInt64 = 0, bucketBytes: Int? = nil
  ) throws {
    self.grid = grid
    let split = try SplitNetwork(
      layers, input: input, over: grid.model, transition: transition)
    self.layers = split
    let network = try Network(split, input: input, seed: seed)
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

    guard grid.data.size > 1 || (split.front != nil && grid.world.size > 1) else {
      (backReducer, frontReducer, reportReady) = (nil, nil, nil)
      backPass.seed = seed
      return
    }
    // One memory for both groups; shards of different ranks may differ in size.
    let counts = try grid.world.allGatherNatively(layout.count)
    let memory = try Arena<Scalar>(count: counts.max() ?? 0, over: grid.world)
    let gradients = UnsafeMutableBufferPointer(rebasing: memory.values[..<layout.count])
    let values = TensorMemory<Scalar>(count: layout.count)
    network.bind(
      values: values.values, gradients: gradients, owner: Owner(values: values, gradients: memory))
    let bytes = bucketBytes ?? GradientReducer<Float>.defaultBucketBytes
    // The totals of the groups travel with the divided layers' gradients.
    let back = RangeReducer(
      memory, 0..<end, parts: layout.ranges, over: grid.data, bucketBytes: bytes)
    let front = RangeReducer(
      memory, end..<layout.count, parts: layout.ranges, over: grid.world, bucketBytes: bytes)
    (backReducer, frontReducer) = (back, front)
    reportReady = { parameter, range in
      guard let base = gradients.baseAddress else { return }
      let place = parameter.gradient.base - base
      try (place < end ? back : front)
        .isReady(place + range.lowerBound..<place + range.upperBound)
    }
    backPass.seed = seed
    if split.front != nil { network.pass.combine = { try grid.world.allReduce($0, .sum) } }
    if grid.data.size > 1 {
      let combine: (UnsafeMutableBufferPointer<Scalar>) throws -> Void = {
        try grid.data.allReduce($0, .sum)
      }
      backPass.combine = combine
      if split.front == nil { network.pass.combine = combine }
    }
  }

  deinit {
    network.pass.combine = nil
    backPass.combine = nil
  }

  /// Computes the gradient of a global batch: of each parameter this rank holds, the sum over all examples.
  ///
  /// Collective. Without a transition all ranks of a model group give the same examples; with one, each
  /// gives its own, which may be none.
  ///
  /// - Parameters:
  ///   - inputs: `[batch, ...]`.
  ///   - labels: The class of each example.
  ///   - examples: The data set's numbers of them, for dropout masks; empty to count from 0.
  ///   - afterTurn: Called after each turn of the transition, when the gradients in ``backRange`` are those
  ///     of the turn's examples, over all groups, with their totals: the place to update these weights, for
  ///     a batch of variable size. Nil adds the turns up.
  /// - Returns: The totals over all ranks; update with ``BatchScore/gradientScale``.
  /// - Throws: What the loss and the layers throw; ``MPIError``.
  public func step(
    _ inputs: Tensor<Scalar>, _ labels: UnsafeBufferPointer<Int32>, examples: [Int] = [],
    afterTurn: ((BatchScore) throws -> Void)? = nil
  ) throws -> BatchScore {
    let from = clock.now
    let busy = exchangeTimes
    for pass in [network.pass, backPass] {
      pass.isTraining = true
      pass.step = nextStep
      pass.accumulatesGradients = false
    }
    nextStep += 1
    network.pass.examples = examples
    let total =
      if let front = layers.front {
        try stepInTurns(front, inputs, labels, examples, afterTurn)
      } else {
        try stepAtOnce(inputs, labels, examples)
      }
    let spent = exchangeTimes
    computeSeconds +=
      (clock.now - from) / .seconds(1)
      - (spent.waitSeconds + spent.busySeconds - busy.waitSeconds - busy.busySeconds)
    return total
  }

  private func stepAtOnce(
    _ inputs: Tensor<Scalar>, _ labels: UnsafeBufferPointer<Int32>, _ examples: [Int]
  ) throws -> BatchScore {
    largestTurn = max(largestTurn, inputs.rows)
    backPass.examples = examples
    let (own, gradient) = try evaluate(
      layers.back.forward(inputs, backPass), labels, withGradient: true)
    begin(own)
    _ = try layers.back.backward(gradient!, backPass, needsInputGradient: false)
    return try finishBack(own)
  }

  private func stepInTurns(
    _ front: Sequential<Scalar>, _ inputs: Tensor<Scalar>, _ labels: UnsafeBufferPointer<Int32>,
    _ examples: [Int], _ afterTurn: ((BatchScore) throws -> Void)?
  ) throws -> BatchScore {
    let group = try GroupExamples(
      labels, examples.isEmpty ? Array(0..<labels.count) : examples, over: layers.communicator)
    let turns = (layers.transition ?? .a).turns(group.counts)
    let exchange = layers.exchange
    let activations = try front.forward(inputs, network.pass)
    let learnsInFront = !front.allParameters.isEmpty
    let back = frontGradient.tensor(activations.shape)
    var total = BatchScore()
    var own = BatchScore()
    try exchange.startGather(activations, turns[0])
    for (index, turn) in turns.enumerated() {
      let isLast = index == turns.count - 1
      let gathered = try exchange.finishGather(layers.gathering, backPass)
      if !isLast { try exchange.startGather(activations, turns[index + 1]) }
      largestTurn = max(largestTurn, turn.count)
      backPass.examples = group.examples(of: turn)
      backPass.accumulatesGradients = index > 0 && afterTurn == nil
      let (score, gradient) = try group.labels(of: turn).withUnsafeBufferPointer {
        try evaluate(layers.back.forward(gathered, backPass), $0, withGradient: true)
      }
      own += score
      if isLast || afterTurn != nil { begin(afterTurn == nil ? own : score) }
      layers.gradientTurn = turn
      _ = try layers.back.backward(gradient!, backPass, needsInputGradient: learnsInFront)
      layers.gradientTurn = nil
      if learnsInFront {
        try exchange.finishScatter(to: back, layers.scattering, backPass)
        try exchange.startScatter(turn, width: layers.joint)
      }
      if let afterTurn {
        let score = try finishBack(score)
        total += score
        try afterTurn(score)
      }
    }
    if learnsInFront {
      try exchange.finishScatter(to: back, layers.scattering, backPass)
      frontReducer?.begin()
      network.pass.gradientIsReady = reportReady
      defer { network.pass.gradientIsReady = nil }
      if inputs.rows == 0 {
        UnsafeMutableBufferPointer(rebasing: network.gradients[frontRange]).update(repeating: 0)
      }
      network.pass.accumulatesGradients = inputs.rows == 0
      _ = try front.backward(back, network.pass, needsInputGradient: false)
      if afterTurn == nil { total = try finishBack(own) }
      try frontReducer?.finish()
    } else if afterTurn == nil {
      total = try finishBack(own)
    }
    return total
  }

  /// Lets the gradients of the divided layers be added up as they get ready in the next backward pass.
  private func begin(_ own: BatchScore) {
    guard let backReducer else { return }
    network.gradients[0] = Scalar(own.examples)
    network.gradients[1] = Scalar(own.loss)
    network.gradients[2] = Scalar(own.correct)
    backReducer.begin()
    backPass.gradientIsReady = reportReady
  }

  /// Ends that, and gives the totals of all groups.
  private func finishBack(_ own: BatchScore) throws -> BatchScore {
    backPass.gradientIsReady = nil
    guard let backReducer, grid.data.size > 1 else { return own }
    try backReducer.finish()
    return BatchScore(
      examples: Int(network.gradients[0]), loss: Double(network.gradients[1]),
      correct: Int(network.gradients[2]))
  }

  private func evaluate(
    _ output: Tensor<Scalar>, _ labels: UnsafeBufferPointer<Int32>, withGradient: Bool
  ) throws -> (own: BatchScore, gradient: Tensor<Scalar>?) {
    let gradient = withGradient ? outputGradient.tensor(output.shape) : nil
    let targets = Targets<Scalar>.classes(labels)
    let score =
      try dividedLoss?.evaluate(output, targets, gradient: gradient)
      ?? wholeLoss.evaluate(output, targets, gradient: gradient)
    return (score, gradient)
  }

  /// Tries the network on examples that it does not learn from: as ``step(_:_:examples:afterTurn:)`` has
  /// them. Collective over the model group.
  ///
  /// - Returns: The score of the model group's examples.
  public func score(
    _ inputs: Tensor<Scalar>, _ labels: UnsafeBufferPointer<Int32>
  ) throws -> BatchScore {
    network.pass.isTraining = false
    let output = try network.forward(inputs)
    guard layers.front != nil else {
      return try evaluate(output, labels, withGradient: false).own
    }
    let group = try GroupExamples(
      labels, Array(repeating: 0, count: labels.count), over: layers.communicator)
    return try group.labels.withUnsafeBufferPointer {
      try evaluate(output, $0, withGradient: false).own
    }
  }

  /// Adds up the scores of the model groups. Collective.
  public func sum(_ group: BatchScore) throws -> BatchScore {
    var numbers = [Double(group.examples), group.loss, Double(group.correct)]
    try grid.data.allReduce(&numbers, .sum)
    return BatchScore(examples: Int(numbers[0]), loss: numbers[1], correct: Int(numbers[2]))
  }

  /// What this rank exchanged, by layer: activations and their gradients, the loss, parameters' gradients.
  public var exchanges: [(layer: String, kind: String, bytes: ExchangedBytes)] {
    var all = layers.allExchanges.map {
      (
        $0.layer, $0.exchange.kind.rawValue + ($0.exchange.isBackward ? " backward" : ""),
        $0.exchange.bytes
      )
    }
    if let loss = dividedLoss { all.append(("loss", "all-reduce", loss.exchange.bytes)) }
    for (name, reducer) in [
      ("gradients of divided layers", backReducer), ("gradients of other layers", frontReducer),
    ] {
      if let reducer { all.append((name, "all-reduce", reducer.bytes)) }
    }
    return all
  }

  /// What this rank moved in all steps so far.
  public var exchangedBytes: ExchangedBytes {
    exchanges.reduce(into: ExchangedBytes()) { $0 += $1.bytes }
  }

  /// Where the time of exchanges went.
  public var exchangeTimes: ExchangeTimes {
    var all = layers.allExchanges.map(\.exchange.times)
    all += [dividedLoss?.exchange.times, backReducer?.times, frontReducer?.times].compactMap { $0 }
    var sum = ExchangeTimes()
    for times in all {
      sum.exchangeSeconds += times.exchangeSeconds
      sum.waitSeconds += times.waitSeconds
      sum.busySeconds += times.busySeconds
      sum.busyUnderWaySeconds += times.busyUnderWaySeconds
    }
    return sum
  }

  /// Keeps both memories alive for the network.
  private final class Owner {
    let values: TensorMemory<Scalar>
    let gradients: Arena<Scalar>
    init(values: TensorMemory<Scalar>, gradients: Arena<Scalar>) {
      (self.values, self.gradients) = (values, gradients)
    }
  }
}
