public import AllReduceMPI
public import AllReduceNN

/// Forward an all-reduce, backward a copy: behind layers of which each rank has a shard.
///
/// Each rank has a share of the result, of the result's shape; they add up. The gradient of the sum is that
/// of every share. Costs an all-reduce of `[batch, ...]` forward. Any shape. Collective. Shoeybi et al.,
/// "Megatron-LM", 2019, where it is called g.
public final class AllReduceCopy<Scalar: NetworkScalar & ReducibleScalar>: ExchangingLayer {
  private let buffer: ExchangeBuffer<Scalar>
  private let record = LayerExchange(.allReduce)

  /// Creates the pair for ranks that share layers.
  public init(over communicator: Communicator) { buffer = ExchangeBuffer(over: communicator) }

  /// "All-reduce, copy".
  public var summary: String { "All-reduce, copy" }
  /// The all-reduce.
  public var exchanges: [LayerExchange] { [record] }
  /// Yes.
  public var outputMayBeOverwritten: Bool { true }

  /// The input's shape.
  public func outputShape(for input: Shape) -> Shape { input }

  /// The sum of all ranks' inputs.
  public func forward(_ input: Tensor<Scalar>, _ pass: Pass<Scalar>) throws -> Tensor<Scalar> {
    let sum = try buffer.tensor(input.shape)
    _ = sum.values.update(fromContentsOf: input.values)
    try buffer.sum(record, pass)
    return sum
  }

  /// The gradient itself.
  public func backward(
    _ gradient: Tensor<Scalar>, _ pass: Pass<Scalar>, needsInputGradient: Bool
  ) -> Tensor<Scalar>? {
    needsInputGradient ? gradient : nil
  }
}
