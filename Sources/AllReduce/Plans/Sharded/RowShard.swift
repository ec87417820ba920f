internal import AllReduceMPI
internal import AllReduceNN

/// A dense layer placed by rows: this rank has some columns of the weight, and computes from its inputs an addend
/// of every output.
///
/// Y = X A + b with X = [X₁ ... Xₚ] and A divided by rows alike: Y = X₁ A₁ + ... + Xₚ Aₚ + b. Takes `[batch, own
/// inputs]`, featureSharded, and gives `[batch, outputs]`, partial; the first rank's addend has the bias in it.
/// Shoeybi et al., "Megatron-LM", 2019.
final class RowShard<Scalar: NetworkScalar & ReducibleScalar>: DenseShard<Scalar>, LayerHints {
  /// The exchange that sums the ranks' addends; this rank writes its own straight into the memory of the exchange.
  var exchange: (any LayoutExchange<Scalar>)?

  private let hasBias: Bool
  private var output = Scratch<Scalar>()
  private var inputGradient = Scratch<Scalar>()

  init(_ dense: Dense<Scalar>, over group: Communicator) {
    hasBias = group.isRoot
    super.init(dense, dimension: 1, over: group)
  }

  /// "Dense 784 -> 512 by rows 0..<392".
  var summary: String { "\(dense.summary) by rows \(own)" }

  func outputShape(for input: Shape) throws -> Shape {
    guard input == [own.count] else {
      throw ShapeError(
        "\(summary) takes examples of \(Shape([own.count])) on this rank, not of \(input)")
    }
    return [dense.outputs]
  }

  func forward(_ input: Tensor<Scalar>, _ pass: Pass<Scalar>) throws -> Tensor<Scalar> {
    let shape = Shape(rows: input.rows, columns: dense.outputs)
    let output = try exchange?.memory(shape) ?? output.tensor(shape)
    try multiply(input, from: hasBias ? bias : nil, to: output, pass)
    return output
  }

  /// The gradients of the shard and the bias, and of this rank's inputs, `[batch, own inputs]`.
  func backward(
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
      result = memory
    }
    if isLast { try learn(gradient, pass, isLast: true) }
    return result
  }
}
