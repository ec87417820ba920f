internal import AllReduceMPI
internal import AllReduceNN

/// A dense layer placed by columns: this rank has a shard of the outputs (rows of the weight, `[outputs, inputs]`), and
/// computes these outputs from the whole input.
///
/// Y = X A + b with A = [A₁ ... Aₚ] sharded by columns: Yᵢ = X Aᵢ + bᵢ. Takes `[batch, inputs]`, replicated, and gives
/// `[batch, own outputs]`, featureSharded. The gradient of its input is partial: each rank has an addend of shape
/// `[batch, inputs]`. Shoeybi et al., "Megatron-LM: training multi-billion parameter language models using model
/// parallelism", 2019.
final class ColumnShard<Scalar: NetworkScalar & ReducibleScalar>: DenseShard<Scalar>, LayerHints {
  /// The exchange that sums the ranks' addends of the input's gradient. The addend is written straight into the memory
  /// of the exchange, and is in flight while the gradient of the weight is computed, unless the exchange overwrites the
  /// input (``LayoutExchange/replacesInput``). Nil to leave this rank's addend as it is.
  var exchange: (any LayoutExchange<Scalar>)?

  private var output = Scratch<Scalar>()
  private var inputGradient = Scratch<Scalar>()

  init(_ dense: Dense<Scalar>, over group: Communicator) {
    super.init(dense, dimension: 0, over: group)
  }

  /// The layer and this rank's outputs, such as "Dense 784 -> 512 by columns 0..<256".
  var summary: String { "\(dense.summary) by columns \(own)" }

  func outputShape(for input: Shape) throws -> Shape {
    _ = try dense.outputShape(for: input)
    return [own.count]
  }

  func forward(_ input: Tensor<Scalar>, _ pass: Pass<Scalar>) throws -> Tensor<Scalar> {
    let output = output.tensor(Shape(rows: input.rows, columns: own.count))
    try multiply(input, from: bias, to: output, pass)
    return output
  }

  /// Computes the gradients of the shards, and returns the gradient of the input: the result of ``exchange``, or
  /// without an exchange this rank's addend.
  func backward(
    _ gradient: Tensor<Scalar>, _ pass: Pass<Scalar>, needsInputGradient: Bool
  ) throws -> Tensor<Scalar>? {
    let shape = inputShape(for: gradient)
    guard needsInputGradient else {
      try learn(gradient, pass, isLast: true)
      return nil
    }
    try exchange?.prepare(pass)
    // If the input's gradient overwrites the input, the weight's gradient, which needs the input, is computed first.
    let learnsFirst = exchange?.replacesInput ?? false
    if learnsFirst { try learn(gradient, pass, isLast: false) }
    let result = try exchange?.memory(shape) ?? inputGradient.tensor(shape)
    products.multiplyBack(gradient, weight.values, to: result)
    try exchange?.start(result, pass)
    if !learnsFirst { try learn(gradient, pass, isLast: true) }
    return try exchange?.finish(pass) ?? result
  }
}
