internal import AllReduceMPI
internal import AllReduceNN

/// A dense layer placed by rows: this rank has a shard of the inputs (columns of the weight, `[outputs, inputs]`), and
/// computes from it an addend of every output.
///
/// Y = X A + b with X = [X₁ ... Xₚ] and A sharded by rows in the same way: Y = X₁ A₁ + ... + Xₚ Aₚ + b. Takes `[batch,
/// own inputs]`, featureSharded, and gives `[batch, outputs]`, partial; only the first rank's addend includes the bias.
/// Shoeybi et al., "Megatron-LM", 2019.
final class RowShard<Scalar: NetworkScalar & ReducibleScalar>: DenseShard<Scalar>, LayerHints {
  /// The exchange that sums the ranks' addends. This rank writes its addend straight into the memory of the exchange.
  var exchange: (any LayoutExchange<Scalar>)?

  private let hasBias: Bool
  private var output = Scratch<Scalar>()
  private var inputGradient = Scratch<Scalar>()

  init(_ dense: Dense<Scalar>, over group: Communicator) {
    hasBias = group.isRoot
    super.init(dense, dimension: 1, over: group)
  }

  /// The layer and this rank's inputs, such as "Dense 784 -> 512 by rows 0..<392".
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

  /// Computes the gradients of the shard and the bias; returns the gradient of this rank's inputs, `[batch, own
  /// inputs]`.
  func backward(
    _ gradient: Tensor<Scalar>, _ pass: Pass<Scalar>, needsInputGradient: Bool
  ) throws -> Tensor<Scalar>? {
    let shape = inputShape(for: gradient)
    // If the weight may change in this pass, the inputs' gradient, which needs the old weight, is computed first.
    // Otherwise the parameters' gradients are computed first, so that they can be in flight meanwhile.
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
