internal import AllReduceMPI
internal import AllReduceNN

/// Brings examples of several ranks together, and their gradients back.
///
/// One gather and one scatter may be under way, each started before and ended after something else, each in
/// one of three buffers. Blocks travel in equal sizes, that of the largest; where ranks have different
/// numbers of examples they are moved together afterwards.
final class ExampleExchange<Scalar: NetworkScalar & ReducibleScalar> {
  let communicator: Communicator
  private let buffers: [ExchangeBuffer<Scalar>]
  private var gathering: Moving?
  private var scattering: Moving?
  private var pendingGather: PendingReduction?
  private var pendingScatter: PendingReduction?
  private let clock = ContinuousClock()

  /// What is under way.
  private struct Moving {
    let turn: ExampleTurn
    let width: Int
    let buffer: ExchangeBuffer<Scalar>
    let startedAt: ContinuousClock.Instant
  }

  init(over communicator: Communicator) {
    self.communicator = communicator
    buffers = (0..<3).map { _ in ExchangeBuffer(over: communicator) }
  }

  /// The elements of all buffers.
  var capacity: Int { buffers.reduce(0) { $0 + $1.capacity } }

  private var rank: Int { communicator.rank }

  /// Elements of all blocks of a turn.
  private func capacity(_ turn: ExampleTurn, _ width: Int) -> Int {
    turn.root == nil ? communicator.size * turn.most * width : turn.count * width
  }

  /// Where this rank's block begins.
  private func start(_ turn: ExampleTurn, _ width: Int) -> Int {
    turn.root == nil ? rank * turn.most * width : 0
  }

  /// Starts to give all ranks a turn's examples in a buffer, of which this rank has `examples`,
  /// `[batch, ...]`.
  func startGather(
    _ examples: Tensor<Scalar>, _ turn: ExampleTurn, in number: Int, _ record: LayerExchange,
    _ pass: Pass<Scalar>
  ) throws {
    precondition(gathering == nil, "a gather of examples is under way")
    let width = examples.shape.example.count
    let buffer = buffers[number]
    let all = capacity(turn, width)
    let memory = try buffer.tensor([all])
    let own = turn.rows[rank]
    if !own.isEmpty, width > 0 {
      (memory.base + start(turn, width)).update(
        from: examples.base + own.lowerBound * width, count: own.count * width)
    }
    gathering = Moving(turn: turn, width: width, buffer: buffer, startedAt: clock.now)
    if let slice = buffer.slice(all) {
      pendingGather = try record.counting(pass) {
        if let root = turn.root { return try communicator.startBroadcast(slice, from: root) }
        return try communicator.startAllGather(slice)
      }
    }
  }

  /// The examples, `[examples of the turn, width]`, in rank order.
  func finishGather(_ record: LayerExchange, _ pass: Pass<Scalar>) throws -> Tensor<Scalar> {
    guard let moving = gathering.take() else {
      preconditionFailure("no gather of examples is under way")
    }
    let (turn, width) = (moving.turn, moving.width)
    try wait(pendingGather.take(), moving, record, pass)
    let all = try moving.buffer.tensor([capacity(turn, width)])
    if turn.root == nil, !turn.isEven {
      var to = turn.rows[0].count * width
      for (owner, rows) in turn.rows.enumerated().dropFirst() where !rows.isEmpty {
        (all.base + to).update(
          from: all.base + owner * turn.most * width, count: rows.count * width)
        to += rows.count * width
      }
    }
    return try moving.buffer.tensor([turn.count, width], capacity: all.count)
  }

  /// Where this rank's share of the gradient of a turn's examples goes, `[examples of the turn, width]`: a
  /// buffer, which may be that of the examples when these are not needed any more.
  func gradientMemory(
    _ turn: ExampleTurn, width: Int, in number: Int
  ) throws -> Tensor<Scalar> {
    try buffers[number].tensor([turn.count, width], capacity: capacity(turn, width))
  }

  /// Starts to add up the shares in ``gradientMemory(_:width:in:)``.
  func startScatter(
    _ turn: ExampleTurn, width: Int, in number: Int, _ record: LayerExchange,
    _ pass: Pass<Scalar>
  ) throws {
    precondition(scattering == nil, "a scatter of gradients is under way")
    let buffer = buffers[number]
    let all = capacity(turn, width)
    let memory = try buffer.tensor([all])
    if turn.root == nil, !turn.isEven {
      var from = turn.count * width
      for (owner, rows) in turn.rows.enumerated().reversed() where !rows.isEmpty {
        from -= rows.count * width
        (memory.base + owner * turn.most * width).update(
          from: memory.base + from, count: rows.count * width)
      }
    }
    scattering = Moving(turn: turn, width: width, buffer: buffer, startedAt: clock.now)
    if let slice = buffer.slice(all) {
      pendingScatter = try record.counting(pass) {
        if let root = turn.root { return try communicator.startReduce(slice, .sum, to: root) }
        return try communicator.startReduceScatter(slice, .sum)
      }
    }
  }

  /// Ends what ``startScatter(_:width:in:_:_:)`` started, if anything: of the gradient of this rank's examples,
  /// those of the turn are set.
  func finishScatter(
    to gradient: Tensor<Scalar>, _ record: LayerExchange, _ pass: Pass<Scalar>
  ) throws {
    guard let moving = scattering.take() else { return }
    let (turn, width) = (moving.turn, moving.width)
    try wait(pendingScatter.take(), moving, record, pass)
    let own = turn.rows[rank]
    guard !own.isEmpty, width > 0 else { return }
    let all = try moving.buffer.tensor([capacity(turn, width)])
    (gradient.base + own.lowerBound * width).update(
      from: all.base + start(turn, width), count: own.count * width)
  }

  private func wait(
    _ pending: consuming PendingReduction?, _ moving: Moving, _ record: LayerExchange,
    _ pass: Pass<Scalar>
  ) throws {
    guard let pending = consume pending else { return }
    let from = clock.now
    try pending.wait()
    guard pass.isTraining else { return }
    let end = clock.now
    record.add(
      seconds: (end - moving.startedAt) / .seconds(1), waited: (end - from) / .seconds(1))
  }
}
