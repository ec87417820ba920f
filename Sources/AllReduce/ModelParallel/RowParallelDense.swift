public import AllReduceMPI
public import AllReduceNN

/// A fully connected layer whose inputs are divided over ranks: each has some columns of the weight, and
/// computes from its inputs a share of every output.
///
/// Y = X A + b with X = [X₁ ... Xₚ] and A divided by rows alike: Y = X₁ A₁ + ... + Xₚ Aₚ + b. Batches of `[own
/// inputs]`, as a ``ColumnParallelDense`` gives them, become batches of `[outputs]`, the same on all ranks:
/// an all-reduce of batch x outputs. Backward nothing travels. Parameters: "weight", `[outputs, own
/// inputs]`, a shard by ``BlockPartition`` whose first values are those that a ``Dense`` has there; and
/// "bias", `[outputs]`, the same on all ranks and added once. Collective.
///
/// Shoeybi et al., "Megatron-LM", 2019.
public final class RowParallelDense<Scalar: NetworkScalar & ReducibleScalar>:
  DividedDense<Scalar>, ExchangingLayer
{
  /// Which inputs this rank has.
  public var ownInputs: Range<Int> { own }

  private let record = LayerExchange(.allReduce)
  private var inputGradient = Scratch<Scalar>()

  override class var dimension: Int { 1 }

  /// The all-reduce of the outputs.
  public var exchanges: [LayerExchange] { [record] }

  /// The shape of an example's output, `[outputs]`.
  ///
  /// - Throws: ``ShapeError`` if the input is not this rank's part.
  public func outputShape(for input: Shape) throws -> Shape {
    guard input == [ownInputs.count] else {
      throw ShapeError(
        "\(summary) takes examples of \(Shape([ownInputs.count])) on this rank, not of \(input)")
    }
    return [outputs]
  }

  /// Computes `[batch, outputs]` of `[batch, own inputs]`.
  ///
  /// The product is written where the other ranks of the host can reach it, and added up there.
  public func forward(_ input: Tensor<Scalar>, _ pass: Pass<Scalar>) throws -> Tensor<Scalar> {
    let output = try buffer.tensor([input.rows, outputs])
    // Of all shares one has the bias in it.
    multiply(input, from: communicator.isRoot ? bias?.values : nil, to: output)
    try buffer.sum(record, pass)
    return output
  }

  /// The gradients of the shard and the bias, and of this rank's inputs, `[batch, own inputs]`.
  public func backward(
    _ gradient: Tensor<Scalar>, _ pass: Pass<Scalar>, needsInputGradient: Bool
  ) throws -> Tensor<Scalar>? {
    let shape = inputShape(for: gradient)
    // Where the weight may change, the gradient of the inputs, which needs the old one, comes first; else
    // the parameters' come first, which may be on their way meanwhile.
    let isLast = !needsInputGradient || pass.sink?.weightStep(for: weight) != nil
    if !isLast { try learn(gradient, pass, isLast: false) }
    var result: Tensor<Scalar>?
    if needsInputGradient {
      let memory = inputGradient.tensor(shape)
      products.multiplyBack(gradient, weight.values, to: memory)
      communicator.makeProgress()
      result = memory
    }
    if isLast { try learn(gradient, pass, isLast: true) }
    return result
  }
}
