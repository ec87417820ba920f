internal import AllReduceMPI
internal import AllReduceNN

/// Receives the gradients of a network's passes and updates all its parameters: by one ``GradientExchange``, or by one
/// for each range of parameters that has its own groups of ranks.
///
/// The network's pass refers to this object weakly; the trainer keeps it alive.
final class NetworkExchange<Scalar: NetworkScalar & ReducibleScalar>: GradientSink {
  /// The exchange of each range, in the order of the memory; the first one also sums the step's totals.
  let exchanges: [any GradientExchange<Scalar>]
  /// The memory of the weights and gradients.
  let memory: ParameterMemory<Scalar>
  /// The sums of squares, for norms, of the latest update that needed them.
  private let squares: TensorMemory<Double>
  private let figures: TensorMemory<Double>
  private let ranges: [Range<Int>]
  private let totals: UnsafeMutableBufferPointer<Scalar>
  private let layout: ParameterLayout<Scalar>
  /// The ranks that hold the other shards of sharded parameters; nil if no parameter is sharded.
  private let pieces: Communicator?
  private let algorithm: ReductionAlgorithm
  /// Counts the bytes that steps and updates exchange, except gradients: weights, statistics, norms. The trainer counts
  /// its own exchanges in a step here.
  let tally = TrafficTally()
  /// Whether the gradients of the backward pass are exchanged as they become ready.
  private var isListening = false
  private var recorder: SpanRecorder?
  /// This rank's request at the end of the step, such as to stop; and, after the step, the combined request of all
  /// ranks.
  var (ownRequest, stepRequest) = (StepRequest.none, StepRequest.none)

  /// Whether exchanges advance during the passes, and gradients are reported in pieces. Only exchanges over a network
  /// gain from this, because in shared memory gradients are exchanged as fast as they are written.
  private let overlaps: Bool
  /// The elements of a piece of a gradient, for each of ``exchanges``: those of a bucket, or nil where no gradient
  /// crosses a network.
  private let pieceElements: [Int?]
  /// The exchange between replicas, which also advances during the passes; the trainer keeps it alive.
  weak var background: ReplicaExchange<Scalar>?

  /// Creates the exchange: allocates memory for a network's weights and gradients, moves the network there, and creates
  /// the exchange of each part. From then on the network's pass reports gradients to this object. Collective over all
  /// ranks.
  ///
  /// - Parameters:
  ///   - network: The network, which keeps its values. A previous exchange of the network must have completed.
  ///   - world: All ranks.
  ///   - parts: The ranges of the parameters with their groups, ascending; together they cover the memory.
  ///   - pieces: The ranks that hold the other shards of sharded parameters; nil if no parameter is sharded.
  ///   - mode: Which ranks update which weights. Where weights are sharded, `shared` keeps one copy per rank.
  ///   - optimizer: The rule that updates the weights.
  ///   - transport: How gradients are reduced.
  ///   - clock: Counts the seconds of the exchanges.
  /// - Throws: ``AgreedError`` if a rank cannot get the memory; ``MPIError``.
  init(
    _ network: Network<Scalar>, over world: Communicator, parts: [NetworkPart],
    pieces: Communicator?, _ mode: UpdateMode, _ optimizer: any UpdateRule,
    _ transport: GradientTransport, _ clock: ExchangeClock
  ) throws {
    // A previous exchange may still be receiving weights in the network's current memory.
    try network.pass.willUse(network.parameters)
    let layout = network.layout
    let pieces = pieces.flatMap { $0.size > 1 ? $0 : nil }
    let memory = try ParameterMemory(
      network, over: world,
      sharesGradients: parts.contains {
        (mode == .replicated ? $0.groups.sum : $0.groups.copies).size > 1
      },
      weights: try NetworkExchange.sharing(of: parts, pieces != nil, mode, over: world))
    let exchanges = try parts.enumerated().map { number, part in
      try ExchangeSite(
        layout: layout, memory: memory, elements: part.elements, groups: part.groups,
        optimizer: optimizer, transport: transport,
        header: number == 0 ? 0..<layout.reserved : 0..<0, clock: clock,
        skipsWhole: part.groups.kind == .sharded && pieces.map { $0.rank > 0 } ?? false
      ).makeExchange(mode)
    }
    (self.exchanges, ranges) = (exchanges, parts.map(\.elements))
    (self.layout, self.memory, self.pieces) = (layout, memory, pieces)
    algorithm = transport.algorithm
    totals = UnsafeMutableBufferPointer(
      rebasing: network.gradients[..<min(layout.reserved, network.gradients.count)])
    let count = optimizer.usesNorms ? 2 * layout.parameters.count : 1
    squares = TensorMemory(count: count)
    figures = TensorMemory(count: count)
    pieceElements = exchanges.map {
      transport.start == .duringBackward && $0.groups.sum.hosts.count > 1
        ? $0.reduction.ranges.first?.count : nil
    }
    overlaps = pieceElements.contains { $0 != nil }
    network.pass.sink = self
  }

  /// Returns how the arena of the weights is divided among ranks; nil for private memory.
  private static func sharing(
    of parts: [NetworkPart], _ isSharded: Bool, _ mode: UpdateMode, over world: Communicator
  ) throws -> Arena<Scalar>.Sharing? {
    guard mode != .replicated, parts.contains(where: { $0.groups.copies.size > 1 })
    else { return nil }
    if mode == .shared { return isSharded ? .symmetric : .single }
    // If all copies of a part are on one host, their ranks write each other's weights.
    let isWritten = parts.contains {
      $0.groups.copies.size > 1 && $0.groups.copies.hosts.count == 1
    }
    return try world.allGatherNatively(isWritten ? 1 : 0).contains(1) ? .symmetric : nil
  }

  /// The optimizers, with their state, of the parameters that this rank updates, in ascending order of their ranges.
  var updates: [Optimizer<Scalar>] { exchanges.flatMap { $0.updates } }
  /// The optimizer's state, with this rank's part of each vector.
  var stateTensors: [StateTensor<Scalar>] {
    // All optimizers of this rank have the same tensors, in the same order, with different pieces.
    StateTensor.joined(updates.map(\.stateTensors))
  }
  /// The algorithm that reduces the largest bucket of the first exchange.
  var chosenAlgorithm: ReductionAlgorithm { exchanges[0].reduction.algorithm }
  /// The bytes that this rank has exchanged so far.
  var traffic: Traffic { exchanges.reduce(into: tally.traffic) { $0 += $1.reduction.traffic } }

  // MARK: A step

  /// Begins a step, before the backward pass whose gradients are exchanged.
  ///
  /// - Parameters:
  ///   - own: This rank's totals of the step.
  ///   - which: The range of ``exchanges`` that take part; nil for all.
  ///   - step: The optimizer's step, if it will be taken whatever the gradient is; nil otherwise.
  ///   - listens: Whether gradients are exchanged as they become ready.
  func begin(
    _ own: BatchScore, _ which: Range<Int>? = nil, stepping step: OptimizerStep? = nil,
    listens: Bool = true
  ) {
    let which = which ?? exchanges.indices
    if which.contains(0) {
      own.write(to: totals)
      ownRequest.write(to: totals)
    }
    for exchange in exchanges[which] { exchange.begin(step) }
    isListening = listens
  }

  /// Completes the sum of the gradients after the backward pass, and returns the totals of all ranks.
  func finishSum(_ which: Range<Int>? = nil) throws -> BatchScore {
    isListening = false
    for exchange in exchanges[which ?? exchanges.indices] { try exchange.finishSum() }
    stepRequest = StepRequest(totals: totals)
    return BatchScore(totals: totals)
  }

  /// Takes the optimizer's step. Collective.
  ///
  /// - Parameters:
  ///   - step: The settings of the step; its scale turns the summed gradient into the mean.
  ///   - clipping: Scales down a gradient whose norm is too large; nil for no clipping.
  ///   - which: The range of ``exchanges`` that take part; nil for all.
  /// - Returns: False if clipping finds that the gradient is not finite, in which case no weight changes; otherwise
  ///   true, also without clipping.
  /// - Throws: ``MPIError``.
  func update(
    _ step: OptimizerStep, clipping: GradientClipping? = nil, _ which: Range<Int>? = nil
  ) throws -> Bool {
    let which = which ?? exchanges.indices
    let usesNorms = squares.values.count > 1
    let isMeasured = usesNorms || clipping != nil
    var step = step
    if isMeasured {
      try tally.counting { try measure(which) }
      if let clipping {
        guard
          let scale = clipping.scale(
            sumOfSquares: allGradientSquares, gradientScale: step.gradientScale)
        else { return false }
        step.gradientScale = scale
      }
      if usesNorms {
        for exchange in exchanges[which] {
          for update in exchange.updates {
            update.useNorms(UnsafeBufferPointer(squares.values), gradientScale: step.gradientScale)
          }
        }
      }
    }
    try tally.counting {
      for exchange in exchanges[which] { try exchange.update(step, isMeasured: isMeasured) }
    }
    return true
  }

  /// Waits until this rank has all new weights.
  func finish() throws {
    for exchange in exchanges { try exchange.finish(from: 0) }
  }

  // Not finish(): after an error, other ranks may never enter the exchanges.
  deinit {
    for exchange in exchanges {
      exchange.reduction.letGo()
      exchange.newWeights?.letGo()
    }
  }

  /// Records in a trace when buckets were under way; nil stops the record.
  func record(_ recorder: SpanRecorder?) {
    self.recorder = recorder
    for exchange in exchanges {
      exchange.reduction.record(recorder)
      exchange.newWeights?.record(
        recorder, exchange.reduction.ranges.indices.reversed().map { "weights of bucket \($0)" })
    }
  }

  /// Sums the squares of the exchanges over the ranks, each shard counted once. Collective.
  private func measure(_ which: Range<Int>) throws {
    squares.values.update(repeating: 0)
    for exchange in exchanges[which] {
      figures.values.update(repeating: 0)
      try exchange.measure(figures.values)
      // Parameters that all ranks of `pieces` hold are counted by the first rank only.
      if let pieces, pieces.rank > 0, exchange.groups.kind != .sharded { continue }
      for index in squares.values.indices { squares.values[index] += figures.values[index] }
    }
    try pieces?.allReduce(squares.values, .sum)
  }

  /// The sum of the squares of all gradients. Where each parameter has a pair of sums, the gradient's is the second.
  private var allGradientSquares: Double {
    squares.values.count == 1
      ? squares.values[0]
      : stride(from: 1, to: squares.values.count, by: 2).reduce(0) { $0 + squares.values[$1] }
  }

  // MARK: Calls from layers

  /// Returns the exchange whose range holds a parameter.
  private func exchange(of parameter: Parameter<Scalar>) -> any GradientExchange<Scalar> {
    exchanges[index(of: parameter)]
  }

  private func index(of parameter: Parameter<Scalar>) -> Int {
    ranges.count == 1 ? 0 : ranges.firstIndex { $0.contains(parameter.place) } ?? 0
  }

  func pieceElements(of parameter: Parameter<Scalar>) -> Int? {
    pieceElements[index(of: parameter)]
  }

  func willUse(_ parameter: Parameter<Scalar>, _ range: Range<Int>) throws {
    try background?.makeProgress()
    try exchange(of: parameter).finish(from: parameter.place + range.lowerBound)
  }

  func isReady(_ parameter: Parameter<Scalar>, _ range: Range<Int>) throws {
    try background?.makeProgress()
    guard isListening else { return }
    let place = parameter.place
    try exchange(of: parameter).reduction.isReady(
      place + range.lowerBound..<place + range.upperBound)
  }

  func weightStep(for parameter: Parameter<Scalar>) -> WeightStep<Scalar>? {
    isListening ? exchange(of: parameter).weightStep(for: parameter) : nil
  }

  func didUpdate(_ parameter: Parameter<Scalar>) {
    exchange(of: parameter).didUpdate(parameter)
  }

  func combine(
    _ numbers: UnsafeMutableBufferPointer<Scalar>, for parameter: Parameter<Scalar>
  ) throws -> Bool {
    let group = exchange(of: parameter).groups.sum
    guard group.size > 1 else { return false }
    let from = recorder.map { _ in SpanRecorder.now() }
    try group.allReduce(numbers, .sum, using: algorithm)
    if let from, let recorder { recorder.add(recorder.name("statistics of all ranks"), from: from) }
    return true
  }

  func makeProgress() throws {
    try background?.makeProgress()
    guard overlaps else { return }
    for exchange in exchanges {
      try exchange.reduction.makeProgress()
      try exchange.newWeights?.makeProgress()
    }
  }
}
