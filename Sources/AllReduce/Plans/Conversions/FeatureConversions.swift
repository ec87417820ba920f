package import AllReduceMPI
package import AllReduceNN

/// From replicated to featureSharded: each rank goes on with its own features. A copy; nothing travels.
package final class TakeFeatures<Scalar: NetworkScalar & ReducibleScalar>: LayoutExchange {
  private let blocks: FeatureBlocks<Scalar>
  private var own = Scratch<Scalar>()
  private var result: Tensor<Scalar>?

  init(of width: Int, _ batch: GroupBatch) {
    blocks = FeatureBlocks(width, over: batch.communicator)
  }

  package func start(_ input: Tensor<Scalar>, _ pass: Pass<Scalar>) {
    let result = own.tensor([input.rows, blocks.own.count])
    if result.count > 0 {
      blocks.take(blocks.own, of: 0..<input.rows, from: input, to: result.base)
    }
    self.result = result
  }

  package func finish(_ pass: Pass<Scalar>) -> Tensor<Scalar> {
    guard let result = result.take() else { preconditionFailure("no features were given to take") }
    return result
  }
}

/// From featureSharded to replicated: all ranks get all features of all examples.
///
/// An all-gather, in blocks as wide as the widest. Its conjugate is ``TakeFeatures`` where all ranks do the
/// same with the features, ``ScatterFeatures`` where they do not.
package final class GatherFeatures<Scalar: NetworkScalar & ReducibleScalar>: LayoutExchange {
  private let exchanged: LayerExchange
  package var record: LayerExchange? { exchanged }
  private let blocks: FeatureBlocks<Scalar>
  private let buffer: ExchangeBuffer<Scalar>
  private let communicator: Communicator
  private var whole = Scratch<Scalar>()
  private var rows = 0

  init(of width: Int, _ batch: GroupBatch, isBackward: Bool) {
    communicator = batch.communicator
    exchanged = LayerExchange(.allGather, backward: isBackward)
    blocks = FeatureBlocks(width, over: communicator)
    buffer = ExchangeBuffer(over: communicator)
  }

  package func start(_ input: Tensor<Scalar>, _ pass: Pass<Scalar>) throws {
    rows = input.rows
    guard rows > 0 else { return }
    let all = try buffer.tensor([communicator.size, rows * blocks.widest])
    (all.base + communicator.rank * rows * blocks.widest).update(
      from: input.base, count: input.count)
    guard let slice = buffer.slice(all.count) else { return }
    try exchanged.timing(pass) { try communicator.allGather(slice) }
  }

  package func finish(_ pass: Pass<Scalar>) throws -> Tensor<Scalar> {
    let whole = whole.tensor([rows, blocks.width])
    guard rows > 0 else { return whole }
    let all = try buffer.tensor([communicator.size, rows * blocks.widest])
    for (owner, columns) in blocks.partition.enumerated() {
      blocks.put(
        all.base + owner * rows * blocks.widest, to: columns, rows: rows, of: whole)
    }
    return whole
  }
}

/// From partial to featureSharded: the sum over the ranks of what each has for all examples, to each rank its
/// own features. A reduce-scatter, in blocks as wide as the widest.
package final class ScatterFeatures<Scalar: NetworkScalar & ReducibleScalar>: LayoutExchange {
  private let exchanged: LayerExchange
  package var record: LayerExchange? { exchanged }
  private let blocks: FeatureBlocks<Scalar>
  private let buffer: ExchangeBuffer<Scalar>
  private let communicator: Communicator
  private var own = Scratch<Scalar>()
  private var rows = 0

  init(of width: Int, _ batch: GroupBatch, isBackward: Bool) {
    communicator = batch.communicator
    exchanged = LayerExchange(.reduceScatter, backward: isBackward)
    blocks = FeatureBlocks(width, over: communicator)
    buffer = ExchangeBuffer(over: communicator)
  }

  package func start(_ input: Tensor<Scalar>, _ pass: Pass<Scalar>) throws {
    rows = input.rows
    guard rows > 0 else { return }
    let all = try buffer.tensor([communicator.size, rows * blocks.widest])
    for (owner, columns) in blocks.partition.enumerated() {
      blocks.take(
        columns, of: 0..<rows, from: input, to: all.base + owner * rows * blocks.widest)
    }
    guard let slice = buffer.slice(all.count) else { return }
    try exchanged.timing(pass) { _ = try communicator.reduceScatter(slice, .sum) }
  }

  package func finish(_ pass: Pass<Scalar>) throws -> Tensor<Scalar> {
    let own = own.tensor([rows, blocks.own.count])
    guard own.count > 0 else { return own }
    let all = try buffer.tensor([communicator.size, rows * blocks.widest])
    own.base.update(
      from: all.base + communicator.rank * rows * blocks.widest, count: own.count)
    return own
  }
}
