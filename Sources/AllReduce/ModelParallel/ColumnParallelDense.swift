public import AllReduceMPI
public import AllReduceNN

/// A fully connected layer whose outputs are divided over ranks: each has some rows of the weight, and
/// computes those outputs from the whole input.
///
/// Y = X A + b with A = [A₁ ... Aₚ] by columns: Yᵢ = X Aᵢ + bᵢ. Batches of `[inputs]`, the same on all ranks,
/// give batches of `[own outputs]`. Forward nothing travels; backward the input's gradient is a sum over
/// the ranks: an all-reduce of batch x inputs, which goes on while the gradient of the weight is computed.
/// Parameters: "weight", `[own outputs, inputs]`, and "bias", `[own outputs]`, shards by ``BlockPartition``,
/// whose first values are those that a ``Dense`` has there. Collective.
///
/// Shoeybi et al., "Megatron-LM: training multi-billion parameter language models using model
/// parallelism", 2019.
public final class ColumnParallelDense<Scalar: NetworkScalar & ReducibleScalar>:
  DividedDense<Scalar>, ExchangingLayer
{
  /// Which outputs this rank computes.
  public var ownOutputs: Range<Int> { own }

  /// Whether somebody else adds up the ranks' shares of the input's gradient, not this layer.
  var sharesInputGradient = false
  /// Who does, in the present pass.
  var sharedGradient: SharedInputGradient<Scalar>?

  private let record = LayerExchange(.allReduce, backward: true)
  private var output = Scratch<Scalar>()

  override class var dimension: Int { 0 }

  /// The all-reduce of the input's gradient, if this layer does it.
  public var exchanges: [LayerExchange] { sharesInputGradient ? [] : [record] }

  /// The shape of an example's output on this rank.
  ///
  /// - Throws: ``ShapeError`` if the layer does not take such an input.
  public func outputShape(for input: Shape) throws -> Shape {
    guard input == [inputs] else {
      throw ShapeError("\(summary) takes examples of \(Shape([inputs])), not of \(input)")
    }
    return [ownOutputs.count]
  }

  /// Computes this rank's outputs, `[batch, own outputs]`, of `[batch, inputs]`.
  public func forward(_ input: Tensor<Scalar>, _ pass: Pass<Scalar>) throws -> Tensor<Scalar> {
    let output = output.tensor([input.rows, ownOutputs.count])
    multiply(input, from: bias?.values, to: output)
    return output
  }

  /// The gradients of the shards, and of the input, `[batch, inputs]`, summed over the ranks.
  ///
  /// The input's comes first here, other than in layers that exchange nothing: its sum is on its way while
  /// the weight's is computed.
  public func backward(
    _ gradient: Tensor<Scalar>, _ pass: Pass<Scalar>, needsInputGradient: Bool
  ) throws -> Tensor<Scalar>? {
    let shape = inputShape(for: gradient)
    guard needsInputGradient else {
      try learn(gradient, pass)
      return nil
    }
    guard let shared = sharedGradient else {
      let result = try buffer.tensor(shape)
      products.multiplyBack(gradient, weight.values, to: result)
      let pending = try buffer.startSum(record, pass)
      try learn(gradient, pass)
      try buffer.finishSum(pending, record, pass)
      return result
    }
    try shared.begin()
    if shared.replacesInput { try learn(gradient, pass) }
    let result = try shared.memory(shape)
    products.multiplyBack(gradient, weight.values, to: result)
    try shared.isWritten()
    if !shared.replacesInput { try learn(gradient, pass) }
    return result
  }

  private func learn(_ gradient: Tensor<Scalar>, _ pass: Pass<Scalar>) throws {
    communicator.makeProgress()
    try learn(gradient, pass, isLast: true)
  }
}
