internal import AllReduceMPI
internal import AllReduceNN

/// What ranks do in an ``UpdateMode`` once their backward passes have ended and all have the totals.
protocol UpdateScheme<Scalar>: AnyObject {
  associatedtype Scalar: NetworkScalar & ReducibleScalar

  /// What this rank updates: parts of the flat memory, ascending.
  var updates: [Optimizer<Scalar>] { get }

  /// Makes the sums of squares, which are zero before, those of the whole gradient, the same on all ranks.
  ///
  /// Collective. `update` follows, and finds the gradient added up.
  func measure(_ squares: UnsafeMutableBufferPointer<Double>) throws

  /// Takes the optimizer's step, and gives all ranks the new weights or begins to. Collective.
  func update(_ step: OptimizerStep, isMeasured: Bool) throws

  /// Waits until this rank has all new weights.
  func finish() throws

  /// Lets go of what is under way, before its memory goes.
  func letGo()

  /// Moves what is under way.
  func makeProgress() throws

  /// Lets the network's passes wait, before weights are used, until this rank has them; nothing if they never
  /// come late.
  func finishBeforeUse(in network: Network<Scalar>)

  /// Where the time of giving weights went.
  var times: ExchangeTimes { get }

  /// Notes when weights were under way.
  func record(_ recorder: SpanRecorder?)
}

/// Of schemes whose update ends with all ranks having the weights.
extension UpdateScheme {
  func finish() {}
  func letGo() {}
  func makeProgress() {}
  func finishBeforeUse(in network: Network<Scalar>) {}
  var times: ExchangeTimes { ExchangeTimes() }
  func record(_ recorder: SpanRecorder?) {}
}

/// Every rank has the gradient of all and updates all of its weights.
final class ReplicatedUpdate<Scalar: NetworkScalar & ReducibleScalar>: UpdateScheme {
  let updates: [Optimizer<Scalar>]
  private let weights: UnsafeMutablePointer<Scalar>
  private let gradient: UnsafeMutablePointer<Scalar>

  init(
    _ optimizer: any UpdateRule, _ network: Network<Scalar>
  ) {
    let update = Optimizer(optimizer, layout: network.layout)
    updates = [update]
    weights = network.values.baseAddress.unsafelyUnwrapped + update.range.lowerBound
    gradient = network.gradients.baseAddress.unsafelyUnwrapped + update.range.lowerBound
  }

  func measure(_ squares: UnsafeMutableBufferPointer<Double>) {
    updates[0].addFigures(of: updates[0].range, weights: weights, gradient: gradient, to: squares)
  }

  func update(_ step: OptimizerStep, isMeasured: Bool) {
    updates[0].update(updates[0].range, weights: weights, gradient: gradient, step)
  }
}
