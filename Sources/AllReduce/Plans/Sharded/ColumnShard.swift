internal import AllReduceMPI
internal import AllReduceNN

/// A dense layer placed by columns: this rank has some rows of the weight, and computes those outputs from the
/// whole input.
///
/// Y = X A + b with A = [A₁ ... Aₚ] by columns: Yᵢ = X Aᵢ + bᵢ. Takes `[batch, inputs]`, replicated, and gives
/// `[batch, own outputs]`, featureSharded. The gradient of its input is partial: an addend of `[batch, inputs]`
/// a rank. Shoeybi et al., "Megatron-LM: training multi-billion parameter language models using model
/// parallelism", 2019.
final class ColumnShard<Scalar: NetworkScalar & ReducibleScalar>: DenseShard<Scalar>, LayerHints {
  /// The exchange that adds up the addends of the input's gradient, which is written straight into its memory and on
  /// its way while the gradient of the weight is computed; nil where that is computed first.
  var exchange: (any LayoutExchange<Scalar>)?

  private var output = Scratch<Scalar>()
  private var inputGradient = Scratch<Scalar>()

  init(_ dense: Dense<Scalar>, over group: Communicator) {
    super.init(dense, dimension: 0, over: group)
  }

  /// "Dense 784 -> 512 by columns 0..<256".
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

  /// The gradients of the shards, and that of the input: its sum, where there is an exchange, else this rank's
  /// addend.
  func backward(
    _ gradient: Tensor<Scalar>, _ pass: Pass<Scalar>, needsInputGradient: Bool
  ) throws -> Tensor<Scalar>? {
    let shape = inputShape(for: gradient)
    guard needsInputGradient else {
      try learn(gradient, pass, isLast: true)
      return nil
    }
    try exchange?.prepare(pass)
    // Where the gradient takes the input's place, the weight's comes first, which needs the input.
    let learnsFirst = exchange?.replacesInput ?? false
    if learnsFirst { try learn(gradient, pass, isLast: false) }
    let result = try exchange?.memory(shape) ?? inputGradient.tensor(shape)
    products.multiplyBack(gradient, weight.values, to: result)
    try exchange?.start(result, pass)
    if !learnsFirst { try learn(gradient, pass, isLast: true) }
    return try exchange?.finish(pass) ?? result
  }
}
