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
  private let exchange: ExampleExchange<Scalar>
  private let gathering: LayerExchange
  private let scattering: LayerExchange
  private let width: Int

  private var turns: [ExampleTurn] = []
  private var index = 0
  private var activations: Tensor<Scalar>?
  private var gradient: Tensor<Scalar>?
  private var written: Tensor<Scalar>?
  private var needsGradient = false

  /// Collective over the group: what is on its way has messages of its own, and does not wait for other layers'.
  init(_ run: ConversionRun, of shape: Shape, _ batch: GroupBatch) throws {
    self.run = run
    self.batch = batch
    width = shape.count
    let isBroadcast = run.order == .broadcastInTurn
    gathering = LayerExchange(isBroadcast ? .broadcast : .allGather)
    scattering = LayerExchange(isBroadcast ? .reduce : .reduceScatter, backward: true)
    exchange = ExampleExchange(over: try batch.communicator.duplicate())
  }

  /// Forward and backward.
  var records: [LayerExchange] { [gathering, scattering] }
  /// The elements of memory for examples and their gradients.
  var capacity: Int { exchange.capacity }

  var replacesInput: Bool { run.order == .scatterInTurn && turns.count > 1 }

  private var gathersLater: Bool { replacesInput && needsGradient && index > 0 }

  /// Gives all ranks all examples at once, for passes of evaluation.
  func gatherAll(_ input: Tensor<Scalar>, _ pass: Pass<Scalar>) throws -> Tensor<Scalar> {
    try exchange.startGather(
      input, ExampleTurn(batch.counts.map { 0..<$0 }), in: 0, gathering, pass)
    return try exchange.finishGather(gathering, pass)
  }

  /// Begins with a batch of which this rank has some examples.
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
    turns = run.order.turns(batch.counts)
    (self.activations, self.gradient) = (activations, gradient)
    needsGradient = gradient != nil
    index = 0
    try startGather(0, pass)
    return turns
  }

  /// The examples of a turn, when they are there.
  func examples(of turn: Int, _ pass: Pass<Scalar>) throws -> Tensor<Scalar> {
    index = turn
    let gathered = try exchange.finishGather(gathering, pass)
    if !gathersLater { try startGather(turn + 1, pass) }
    return gathered
  }

  /// Ends the last turn's gradient.
  func end(_ pass: Pass<Scalar>) throws {
    if let gradient { try exchange.finishScatter(to: gradient, scattering, pass) }
    (activations, gradient) = (nil, nil)
  }

  private func startGather(_ turn: Int, _ pass: Pass<Scalar>) throws {
    guard turn < turns.count, let activations else { return }
    try exchange.startGather(activations, turns[turn], in: turn % 2, gathering, pass)
  }

  // MARK: As what adds up the addends of the examples' gradient

  func prepare(_ pass: Pass<Scalar>) throws {
    guard let gradient else { return }
    try exchange.finishScatter(to: gradient, scattering, pass)
    if gathersLater { try startGather(index + 1, pass) }
  }

  func memory(_ shape: Shape) throws -> Tensor<Scalar>? {
    try exchange.gradientMemory(turns[index], width: width, in: replacesInput ? index % 2 : 2)
  }

  func start(_ input: Tensor<Scalar>, _ pass: Pass<Scalar>) throws {
    written = input
    try exchange.startScatter(
      turns[index], width: width, in: replacesInput ? index % 2 : 2, scattering, pass)
  }

  /// The addends: their sum is on its way until the next turn is done.
  func finish(_ pass: Pass<Scalar>) -> Tensor<Scalar> {
    guard let written = written.take() else { preconditionFailure("no gradient was started") }
    return written
  }
}
