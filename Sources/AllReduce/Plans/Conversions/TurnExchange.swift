internal import AllReduceMPI
internal import AllReduceNN

/// An all-gather of examples that runs in turns, and the reduce-scatter of their gradients: a turn is computed
/// while the next one's examples, and the gradient of the one before, are on their way.
///
/// Examples are in one of two buffers, and the next turn's on their way in the other. Gradients have a third, from
/// where they go while weights' gradients are computed. `scatterInTurn` saves that: they take the place of their
/// examples, and the other buffer has on its way first the gradient of the turn before, then the next examples.
final class TurnExchange<Scalar: NetworkScalar & ReducibleScalar>: LayoutExchange {
  let run: ConversionRun
  private let batch: GroupBatch
  private let buffers: [ExchangeBuffer<Scalar>]
  private let gathering: LayerExchange
  private let scattering: LayerExchange
  private let width: Int
  private let rank: Int
  private let size: Int

  private var turns: [ExampleTurn] = []
  /// The examples of each rank that the turns are of.
  private var counts: [Int] = []
  private var index = 0
  private var activations: Tensor<Scalar>?
  private var gradient: Tensor<Scalar>?
  private var written: Tensor<Scalar>?
  private var needsGradient = false
  /// The turn whose gradient is on its way.
  private var scattered: Int?

  /// Collective over the group: what is on its way has messages of its own, and does not wait for other layers'.
  init(_ run: ConversionRun, of shape: Shape, _ batch: GroupBatch) throws {
    self.run = run
    self.batch = batch
    width = shape.count
    let group = try batch.communicator.duplicate()
    (rank, size) = (group.rank, group.size)
    buffers = (0..<3).map { _ in ExchangeBuffer(over: group) }
    let isBroadcast = run.order == .broadcastInTurn
    gathering = LayerExchange(isBroadcast ? "broadcast" : "all-gather", batch.clock)
    scattering = LayerExchange(
      isBroadcast ? "reduce" : "reduce-scatter", isBackward: true, batch.clock)
  }

  /// Forward and backward.
  var records: [LayerExchange] { [gathering, scattering] }
  /// The elements of memory for examples and their gradients.
  var capacity: Int { buffers.reduce(0) { $0 + $1.capacity } }

  var replacesInput: Bool { run.order == .scatterInTurn && turns.count > 1 }

  private var gathersLater: Bool { replacesInput && needsGradient && index > 0 }

  /// Begins a batch; this rank has some of its examples.
  ///
  /// - Parameters:
  ///   - activations: This rank's.
  ///   - gradient: Receives theirs; nil if it is not needed.
  ///   - pass: The pass.
  /// - Returns: The turns.
  /// - Throws: ``MPIError``.
  func begin(
    _ activations: Tensor<Scalar>, gradient: Tensor<Scalar>?, _ pass: Pass<Scalar>
  ) throws -> [ExampleTurn] {
    if counts != batch.counts { (turns, counts) = (run.order.turns(batch.counts), batch.counts) }
    (self.activations, self.gradient) = (activations, gradient)
    needsGradient = gradient != nil
    index = 0
    try startGather(0, pass)
    return turns
  }

  /// The examples of a turn, when they are there, in rank order.
  func examples(of number: Int, _ pass: Pass<Scalar>) throws -> Tensor<Scalar> {
    index = number
    let (turn, buffer) = (turns[number], buffers[number % 2])
    try buffer.finish(gathering, isTraining: pass.isTraining)
    turn.compact(try buffer.reserve(capacity(turn)), width: width, length: length(turn))
    if !gathersLater { try startGather(number + 1, pass) }
    return buffer.tensor(Shape(rows: turn.count, columns: width))
  }

  /// Ends the last turn's gradient.
  func end(_ pass: Pass<Scalar>) throws {
    try finishScatter(pass)
    (activations, gradient) = (nil, nil)
  }

  // MARK: As what adds up the addends of the examples' gradient

  func prepare(_ pass: Pass<Scalar>) throws {
    try finishScatter(pass)
    if gradient != nil, gathersLater { try startGather(index + 1, pass) }
  }

  func memory(_ shape: Shape) throws -> Tensor<Scalar>? {
    let (turn, buffer) = (turns[index], gradientBuffer(index))
    try buffer.reserve(capacity(turn))
    return buffer.tensor(Shape(rows: turn.count, columns: width))
  }

  func start(_ input: Tensor<Scalar>, _ pass: Pass<Scalar>) throws {
    written = input
    let (turn, buffer) = (turns[index], gradientBuffer(index))
    let memory = try buffer.reserve(capacity(turn))
    turn.spread(from: memory, to: memory, width: width, length: length(turn))
    try buffer.start(
      turn.root.map { .reduce(root: $0) } ?? .reduceScatter, capacity(turn), scattering,
      isTraining: pass.isTraining)
    scattered = index
  }

  /// The addends: their sum is on its way until the next turn is done.
  func finish(_ pass: Pass<Scalar>) -> Tensor<Scalar> {
    guard let written = written.take() else { preconditionFailure("no gradient was started") }
    return written
  }

  // MARK: One turn's exchanges

  /// The elements from one rank's block to the next one's: none where one rank contributes all.
  private func length(_ turn: ExampleTurn) -> Int { turn.root == nil ? turn.most * width : 0 }

  /// The elements of all blocks.
  private func capacity(_ turn: ExampleTurn) -> Int {
    turn.root == nil ? size * turn.most * width : turn.count * width
  }

  private func gradientBuffer(_ turn: Int) -> ExchangeBuffer<Scalar> {
    buffers[replacesInput ? turn % 2 : 2]
  }

  private func startGather(_ number: Int, _ pass: Pass<Scalar>) throws {
    guard number < turns.count, let activations else { return }
    let (turn, buffer) = (turns[number], buffers[number % 2])
    let memory = try buffer.reserve(capacity(turn))
    let own = turn.rows[rank]
    if !own.isEmpty, width > 0 {
      (memory + rank * length(turn)).update(
        from: activations.base + own.lowerBound * width, count: own.count * width)
    }
    try buffer.start(
      turn.root.map { .broadcast(root: $0) } ?? .allGather, capacity(turn), gathering,
      isTraining: pass.isTraining)
  }

  /// Ends the gradient that is on its way, if one is: of this rank's examples, those of its turn are set.
  private func finishScatter(_ pass: Pass<Scalar>) throws {
    guard let number = scattered.take(), let gradient else { return }
    let (turn, buffer) = (turns[number], gradientBuffer(number))
    try buffer.finish(scattering, isTraining: pass.isTraining)
    let own = turn.rows[rank]
    guard !own.isEmpty, width > 0 else { return }
    (gradient.base + own.lowerBound * width).update(
      from: try buffer.reserve(capacity(turn)) + rank * length(turn), count: own.count * width)
  }
}
