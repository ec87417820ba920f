internal import AllReduceMPI
internal import AllReduceNN

/// An all-gather of examples in turns, and the reduce-scatter of their gradients. A turn is a part of the ranks'
/// examples that is gathered and computed at a time. While it is computed, the next turn's examples and the previous
/// turn's gradient are in flight.
///
/// The current turn's examples are in one of two buffers, and the next turn's are received in the other. Gradients have
/// a third buffer, from which they are sent while the gradients of weights are computed. `scatterInTurn` needs no third
/// buffer: gradients overwrite the examples of their turn, and the other buffer is used first for the previous turn's
/// gradient, then for the next turn's examples.
final class TurnExchange<Scalar: NetworkScalar & ReducibleScalar>: LayoutExchange {
  let run: ConversionRun
  private let batch: GroupBatch
  private let buffers: [ExchangeBuffer<Scalar>]
  private let gathering: ExchangeRecord
  private let scattering: ExchangeRecord
  private let width: Int
  private let rank: Int
  private let size: Int

  private var turns: [ExampleTurn] = []
  /// The number of examples of each rank, from which `turns` was computed.
  private var counts: [Int] = []
  private var index = 0
  private var activations: Tensor<Scalar>?
  private var gradient: Tensor<Scalar>?
  private var written: Tensor<Scalar>?
  private var needsGradient = false
  /// The turn whose gradient is in flight; nil if none is.
  private var scattered: Int?

  /// Creates the exchange. Collective over the group: it duplicates the communicator, so that its messages do not wait
  /// for those of other layers.
  init(_ run: ConversionRun, of shape: Shape, _ batch: GroupBatch) throws {
    self.run = run
    self.batch = batch
    width = shape.count
    let group = try batch.communicator.duplicate()
    (rank, size) = (group.rank, group.size)
    buffers = (0..<3).map { _ in ExchangeBuffer(over: group) }
    let isBroadcast = run.order == .broadcastInTurn
    gathering = ExchangeRecord(isBroadcast ? "broadcast" : "all-gather", batch.clock)
    scattering = ExchangeRecord(
      isBroadcast ? "reduce" : "reduce-scatter", isBackward: true, batch.clock)
  }

  /// The records of the forward and the backward exchange.
  var records: [ExchangeRecord] { [gathering, scattering] }
  /// The number of elements of memory for examples and their gradients.
  var capacity: Int { buffers.reduce(0) { $0 + $1.capacity } }

  var replacesInput: Bool { run.order == .scatterInTurn && turns.count > 1 }

  private var gathersLater: Bool { replacesInput && needsGradient && index > 0 }

  /// Begins a batch, and starts to gather the first turn's examples.
  ///
  /// - Parameters:
  ///   - activations: The activations of this rank's examples.
  ///   - gradient: Receives the gradient of `activations`; nil if it is not needed.
  ///   - pass: The pass.
  /// - Returns: The turns, in order.
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

  /// Waits for the examples of a turn, and returns them in rank order.
  func examples(of number: Int, _ pass: Pass<Scalar>) throws -> Tensor<Scalar> {
    index = number
    let (turn, buffer) = (turns[number], buffers[number % 2])
    try buffer.finish(gathering, isTraining: pass.isTraining)
    turn.compact(try buffer.reserve(capacity(turn)), width: width, length: length(turn))
    if !gathersLater { try startGather(number + 1, pass) }
    return buffer.tensor(Shape(rows: turn.count, columns: width))
  }

  /// Waits for the last turn's gradient, and ends the batch.
  func end(_ pass: Pass<Scalar>) throws {
    try finishScatter(pass)
    (activations, gradient) = (nil, nil)
  }

  // MARK: The sum of the ranks' addends to the examples' gradient

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

  /// Returns this rank's addends, not yet their sum: the sum is in flight until the next turn is computed.
  func finish(_ pass: Pass<Scalar>) -> Tensor<Scalar> {
    guard let written = written.take() else { preconditionFailure("no gradient was started") }
    return written
  }

  // MARK: One turn's exchanges

  /// Returns the number of elements from one rank's block to the next; 0 where one rank contributes all examples.
  private func length(_ turn: ExampleTurn) -> Int { turn.root == nil ? turn.most * width : 0 }

  /// Returns the number of elements of all blocks.
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

  /// Waits for the gradient in flight, if there is one, and stores the gradient of this rank's examples of that turn.
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
