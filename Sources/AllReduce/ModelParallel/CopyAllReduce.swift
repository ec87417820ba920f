public import AllReduceMPI
public import AllReduceNN

/// Forward a copy, backward an all-reduce: in front of layers of which each rank has a shard.
///
/// All ranks have the same input and pass it on; the gradients that come back are of what each rank made
/// of it, and add up. Costs an all-reduce of `[batch, ...]` backward, in place of its gradient's copy. Any
/// shape. Collective. Shoeybi et al., "Megatron-LM", 2019, where it is called f.
public final class CopyAllReduce<Scalar: NetworkScalar & ReducibleScalar>: ExchangingLayer {
  private let buffer: ExchangeBuffer<Scalar>
  private let record = LayerExchange(.allReduce, backward: true)

  /// Creates the pair for ranks that share layers.
  public init(over communicator: Communicator) { buffer = ExchangeBuffer(over: communicator) }

  /// "Copy, all-reduce".
  public var summary: String { "Copy, all-reduce" }
  /// The all-reduce.
  public var exchanges: [LayerExchange] { [record] }

  /// The input's shape.
  public func outputShape(for input: Shape) -> Shape { input }

  /// The input itself.
  public func forward(_ input: Tensor<Scalar>, _ pass: Pass<Scalar>) -> Tensor<Scalar> { input }

  /// The sum of all ranks' gradients.
  public func backward(
    _ gradient: Tensor<Scalar>, _ pass: Pass<Scalar>, needsInputGradient: Bool
  ) throws -> Tensor<Scalar>? {
    guard needsInputGradient else { return nil }
    let sum = try buffer.tensor(gradient.shape)
    _ = sum.values.update(fromContentsOf: gradient.values)
    try buffer.sum(record, pass)
    return sum
  }
}
