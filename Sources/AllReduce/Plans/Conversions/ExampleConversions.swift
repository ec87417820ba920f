package import AllReduceMPI
package import AllReduceNN

/// From batchSharded to replicated: all ranks get all examples, in rank order.
///
/// An all-gather, in blocks as large as the largest. Any shape of examples; ranks may have other numbers of
/// them, or none. Its conjugate sums gradients (``ScatterExamples``) where the ranks make different things of
/// the examples, and takes each rank's own (``TakeExamples``) where they all do the same.
package final class GatherExamples<Scalar: NetworkScalar & ReducibleScalar>: LayoutExchange {
  private let exchanged: LayerExchange
  package var record: LayerExchange? { exchanged }
  private let batch: GroupBatch
  private let exchange: ExampleExchange<Scalar>
  private var example: Shape = []

  init(_ batch: GroupBatch, isBackward: Bool) {
    self.batch = batch
    exchanged = LayerExchange(.allGather, backward: isBackward)
    exchange = ExampleExchange(over: batch.communicator)
  }

  package func start(_ input: Tensor<Scalar>, _ pass: Pass<Scalar>) throws {
    example = input.shape.example
    try exchange.startGather(input, batch.wholeTurn, in: 0, exchanged, pass)
  }

  package func finish(_ pass: Pass<Scalar>) throws -> Tensor<Scalar> {
    let all = try exchange.finishGather(exchanged, pass)
    return all.reshaped(example.batch(of: all.rows))
  }
}

/// From partial to batchSharded: the sum over the ranks of what each has for all examples, to each rank its own
/// examples.
///
/// A reduce-scatter, in blocks as large as the largest. Any shape of examples.
package final class ScatterExamples<Scalar: NetworkScalar & ReducibleScalar>: LayoutExchange {
  private let exchanged: LayerExchange
  package var record: LayerExchange? { exchanged }
  private let batch: GroupBatch
  private let exchange: ExampleExchange<Scalar>
  private var own = Scratch<Scalar>()
  private var example: Shape = []

  init(_ batch: GroupBatch, isBackward: Bool) {
    self.batch = batch
    exchanged = LayerExchange(.reduceScatter, backward: isBackward)
    exchange = ExampleExchange(over: batch.communicator)
  }

  package func memory(_ shape: Shape) throws -> Tensor<Scalar>? {
    try exchange.gradientMemory(batch.wholeTurn, width: shape.example.count, in: 0).reshaped(shape)
  }

  package func start(_ input: Tensor<Scalar>, _ pass: Pass<Scalar>) throws {
    example = input.shape.example
    let shares = try exchange.gradientMemory(batch.wholeTurn, width: example.count, in: 0)
    input.copy(to: shares)
    try exchange.startScatter(batch.wholeTurn, width: example.count, in: 0, exchanged, pass)
  }

  package func finish(_ pass: Pass<Scalar>) throws -> Tensor<Scalar> {
    let own = own.tensor(example.batch(of: batch.own.count))
    try exchange.finishScatter(to: own, exchanged, pass)
    return own
  }
}

/// From replicated to batchSharded: each rank goes on with its own examples. A view; nothing travels.
package final class TakeExamples<Scalar: NetworkScalar & ReducibleScalar>: LayoutExchange {
  private let batch: GroupBatch
  private var input: Tensor<Scalar>?

  init(_ batch: GroupBatch) { self.batch = batch }

  package func start(_ input: Tensor<Scalar>, _ pass: Pass<Scalar>) { self.input = input }

  package func finish(_ pass: Pass<Scalar>) -> Tensor<Scalar> {
    guard let input = input.take() else {
      preconditionFailure("no examples were given to take from")
    }
    return input.rows(batch.own)
  }
}

/// From partial to replicated: the sum of what the ranks have, on all of them. An all-reduce in place. Any
/// shape.
package final class SumOfAddends<Scalar: NetworkScalar & ReducibleScalar>: LayoutExchange {
  private let exchanged: LayerExchange
  package var record: LayerExchange? { exchanged }
  private let buffer: ExchangeBuffer<Scalar>
  private let isBackward: Bool
  private var pending: PendingReduction?
  private var sum: Tensor<Scalar>?

  init(_ batch: GroupBatch, isBackward: Bool) {
    exchanged = LayerExchange(.allReduce, backward: isBackward)
    buffer = ExchangeBuffer(over: batch.communicator)
    self.isBackward = isBackward
  }

  package func memory(_ shape: Shape) throws -> Tensor<Scalar>? { try buffer.tensor(shape) }

  package func start(_ input: Tensor<Scalar>, _ pass: Pass<Scalar>) throws {
    let sum = try buffer.tensor(input.shape)
    input.copy(to: sum)
    self.sum = sum
    // Backward the gradient of a weight is computed meanwhile; forward there is nothing to do but wait.
    if isBackward { pending = try buffer.startSum(exchanged, pass) }
  }

  package func finish(_ pass: Pass<Scalar>) throws -> Tensor<Scalar> {
    guard let sum = sum.take() else { preconditionFailure("no sum was started") }
    if isBackward {
      try buffer.finishSum(pending.take(), exchanged, pass)
    } else {
      try buffer.sum(exchanged, pass)
    }
    return sum
  }
}

extension GroupBatch {
  /// All examples in one turn.
  fileprivate var wholeTurn: ExampleTurn { ExampleTurn(counts.map { 0..<$0 }) }
}

extension Tensor {
  /// Copies all elements, unless the other is the same memory.
  func copy(to other: Tensor) {
    guard count > 0, base != other.base else { return }
    other.base.update(from: base, count: count)
  }
}
