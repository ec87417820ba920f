internal import AllReduceMPI
internal import AllReduceNN

/// Receives the gradients of a network's passes and updates all its parameters: by one ``GradientExchange``, or by one
/// for each range of parameters that has its own groups of ranks.
///
/// The network's pass refers to it weakly; the trainer keeps it.
final class NetworkExchange<Scalar: NetworkScalar & ReducibleScalar>: GradientSink {
  /// Each of the ranges, in the order of the memory; the first takes the totals along.
  let exchanges: [any GradientExchange<Scalar>]
  /// Where weights and gradients lie.
  let memory: ParameterMemory<Scalar>
  /// The sums of squares (norms) of the latest update that needed them.
  private let squares: TensorMemory<Double>
  private let figures: TensorMemory<Double>
  private let ranges: [Range<Int>]
  private let totals: UnsafeMutableBufferPointer<Scalar>
  private let layout: ParameterLayout<Scalar>
  /// The ranks that hold the other pieces of what is sharded; nil if nothing is.
  private let pieces: Communicator?
  private let algorithm: ReductionAlgorithm
  /// Counts what steps and updates move other than gradients: weights, statistics, norms. The trainer counts its
  /// steps here.
  let tally = TrafficTally()
  /// Whether a backward pass's gradients are exchanged as they get ready.
  private var isListening = false
  private var recorder: SpanRecorder?
  /// This rank's wish at the end of the step, and after it the wish of all ranks of the totals.
  var (ownWish, wish) = (StepWish.none, StepWish.none)

  /// Whether the exchange is to move, and gradients to come in pieces, during the passes. Memory is shared as
  /// fast as it is filled, so only a network between hosts gains from it.
  private let overlaps: Bool
  let pieceElements: Int?
  /// The exchange of replicas, which also travels during the passes; the trainer keeps it.
  weak var background: ReplicaExchange<Scalar>?

  /// Takes memory for a network's weights and gradients, moves it there, and makes the exchange of each part; the
  /// network's pass reports gradients to it from here on. Collective over all ranks.
  ///
  /// - Parameters:
  ///   - network: Its values stay; another exchange that it has must have ended.
  ///   - world: All ranks.
  ///   - parts: The parameters by their groups; together, ascending, they cover the memory.
  ///   - pieces: The ranks that hold the other pieces of what is sharded; nil if nothing is.
  ///   - mode: Which ranks update which weights. Where weights are sharded, `shared` keeps a copy a rank.
  ///   - optimizer: How weights change.
  ///   - transport: How gradients travel.
  ///   - clock: Counts the seconds.
  /// - Throws: ``AgreedError`` if a rank cannot get the memory; ``MPIError``.
  init(
    _ network: Network<Scalar>, over world: Communicator, parts: [NetworkPart],
    pieces: Communicator?, _ mode: UpdateMode, _ optimizer: any UpdateRule,
    _ transport: GradientTransport, _ clock: ExchangeClock
  ) throws {
    // Another exchange may have left weights on their way to the memory that the network is in until now.
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
    overlaps =
      transport.start == .duringBackward
      && exchanges.contains { $0.groups.sum.hosts.count > 1 }
    pieceElements =
      overlaps ? exchanges.compactMap { $0.reduction.ranges.first?.count }.min() : nil
    network.pass.sink = self
  }

  /// How the arena of the weights is divided; nil for private memory.
  private static func sharing(
    of parts: [NetworkPart], _ isSharded: Bool, _ mode: UpdateMode, over world: Communicator
  ) throws -> Arena<Scalar>.Sharing? {
    guard mode != .replicated, parts.contains(where: { $0.groups.copies.size > 1 })
    else { return nil }
    if mode == .shared { return isSharded ? .symmetric : .single }
    // Where the copies of a part are all on one host, they write each other's.
    let isWritten = parts.contains {
      $0.groups.copies.size > 1 && $0.groups.copies.hosts.count == 1
    }
    return try world.allGatherNatively(isWritten ? 1 : 0).contains(1) ? .symmetric : nil
  }

  /// The optimizers of the parameters that this rank updates, with their state, ascending.
  var updates: [Optimizer<Scalar>] { exchanges.flatMap { $0.updates } }
  /// The optimizer's state, with this rank's part of each vector.
  var stateTensors: [StateTensor<Scalar>] {
    // Each update of a part has the same tensors, in the same order, with other pieces.
    StateTensor.joined(updates.map(\.stateTensors))
  }
  /// The algorithm that carries the most.
  var chosenAlgorithm: ReductionAlgorithm { exchanges[0].reduction.algorithm }
  /// The bytes that this rank has moved so far.
  var traffic: Traffic { exchanges.reduce(into: tally.traffic) { $0 += $1.reduction.traffic } }

  // MARK: A step

  /// Begins a step, before the backward pass whose gradients are exchanged.
  ///
  /// - Parameters:
  ///   - own: This rank's totals.
  ///   - which: The exchanges that take part; nil for all.
  ///   - step: The optimizer's step, if it will follow whatever the gradient is.
  ///   - listens: Whether gradients are exchanged as they get ready.
  func begin(
    _ own: BatchScore, _ which: Range<Int>? = nil, stepping step: OptimizerStep? = nil,
    listens: Bool = true
  ) {
    let which = which ?? exchanges.indices
    if which.contains(0) {
      own.write(to: totals)
      ownWish.write(to: totals)
    }
    for exchange in exchanges[which] { exchange.begin(step) }
    isListening = listens
  }

  /// Ends the exchange of gradients after the backward pass; the totals are those of all ranks.
  func finishSum(_ which: Range<Int>? = nil) throws -> BatchScore {
    isListening = false
    for exchange in exchanges[which ?? exchanges.indices] { try exchange.finishSum() }
    wish = StepWish(totals: totals)
    return BatchScore(totals: totals)
  }

  /// Takes the optimizer's step. Collective.
  ///
  /// - Parameters:
  ///   - step: Which; its scale is that of the mean.
  ///   - clipping: Shortens gradients whose norm is larger.
  ///   - which: The exchanges that take part; nil for all.
  /// - Returns: False if the gradient has elements that are not finite, which only clipping sees; nothing is changed.
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

  // Not finish(): where an error is on its way to the user, others may never come.
  deinit {
    for exchange in exchanges {
      exchange.reduction.letGo()
      exchange.newWeights?.letGo()
    }
  }

  /// Notes in a trace when buckets were under way; nil for not.
  func record(_ recorder: SpanRecorder?) {
    self.recorder = recorder
    for exchange in exchanges {
      exchange.reduction.record(recorder)
      exchange.newWeights?.record(
        recorder, exchange.reduction.ranges.indices.reversed().map { "weights of bucket \($0)" })
    }
  }

  /// The sum of the squares of the whole gradient, each element counted once. Collective.
  func gradientSquares() throws -> Double {
    try tally.counting { try measure(exchanges.indices) }
    return allGradientSquares
  }

  /// Adds up sums of squares, each shard once.
  private func measure(_ which: Range<Int>) throws {
    squares.values.update(repeating: 0)
    for exchange in exchanges[which] {
      figures.values.update(repeating: 0)
      try exchange.measure(figures.values)
      // What all ranks of `pieces` hold is counted by the first.
      if let pieces, pieces.rank > 0, exchange.groups.kind != .sharded { continue }
      for index in squares.values.indices { squares.values[index] += figures.values[index] }
    }
    try pieces?.allReduce(squares.values, .sum)
  }

  /// The sum of squares of all gradients: the second of each parameter's pair of sums.
  private var allGradientSquares: Double {
    squares.values.count == 1
      ? squares.values[0]
      : stride(from: 1, to: squares.values.count, by: 2).reduce(0) { $0 + squares.values[$1] }
  }

  // MARK: What layers say

  /// The exchange of a parameter.
  private func exchange(of parameter: Parameter<Scalar>) -> any GradientExchange<Scalar> {
    exchanges[
      ranges.count == 1 ? 0 : ranges.firstIndex { $0.contains(parameter.place) } ?? 0]
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
