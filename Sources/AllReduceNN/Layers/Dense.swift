/// A fully connected layer: every output is a weighted sum of all inputs, and a bias.
///
/// Batches of `[inputs]` give batches of `[outputs]`. A pass forward costs 2 inputs outputs operations an
/// example, one backward twice that. Parameters: "weight", `[outputs, inputs]`, and "bias", `[outputs]`.
/// `cblas_sgemm`, `cblas_dgemm`
public final class Dense<Scalar: NetworkScalar>: Layer {
  /// The numbers of an example's input.
  public let inputs: Int
  /// The numbers of an example's output.
  public let outputs: Int
  /// A row an output.
  public let weight: Parameter<Scalar>
  /// What is added to the outputs, if anything is.
  public let bias: Parameter<Scalar>?

  private var input: Tensor<Scalar>?
  private var output = Scratch<Scalar>()
  private var inputGradient = Scratch<Scalar>()

  /// Creates a layer.
  ///
  /// - Parameters:
  ///   - inputs: The numbers of an example's input.
  ///   - outputs: The numbers of an example's output.
  ///   - bias: Whether a learned number is added to each output; it is zero at first.
  ///   - initialization: Of the weights; nil means He's.
  public init(
    inputs: Int, outputs: Int, bias: Bool = true, initialization: Initialization? = nil
  ) {
    precondition(
      inputs > 0 && outputs > 0, "a dense layer cannot have \(inputs) inputs, \(outputs) outputs")
    self.inputs = inputs
    self.outputs = outputs
    weight = Parameter(
      "weight", shape: [outputs, inputs], initialization: initialization ?? .he(fanIn: inputs),
      decays: true)
    self.bias =
      bias
      ? Parameter("bias", shape: [outputs], initialization: .constant(0), decays: false) : nil
  }

  /// Creates a layer with a bias and He's initialization.
  public convenience init(_ inputs: Int, _ outputs: Int) {
    self.init(inputs: inputs, outputs: outputs)
  }

  /// "Dense 784 -> 512".
  public var summary: String { "Dense \(inputs) -> \(outputs)" }

  /// "weight" and "bias", if there is one.
  public var parameters: [Parameter<Scalar>] { [weight] + (bias.map { [$0] } ?? []) }

  /// The shape of an example's output, `[outputs]`.
  ///
  /// - Throws: ``ShapeError`` if the layer does not take such an input.
  public func outputShape(for input: Shape) throws -> Shape {
    guard input == [inputs] else {
      throw ShapeError("\(summary) takes examples of \(Shape([inputs])), not of \(input)")
    }
    return [outputs]
  }

  /// Computes the weighted sums, `[batch, outputs]`, of `[batch, inputs]`.
  public func forward(_ input: Tensor<Scalar>, _ pass: Pass<Scalar>) throws -> Tensor<Scalar> {
    self.input = input
    let output = output.tensor([input.rows, outputs])
    guard input.rows > 0 else { return output }
    if let bias { Scalar.fill(output, withRow: bias.values) }
    Scalar.matrixMatrix(
      transposeA: false, transposeB: true, rows: Int32(input.rows), columns: Int32(outputs),
      inner: Int32(inputs), input.base, weight.values.base, keep: bias == nil ? 0 : 1,
      output.base)
    return output
  }

  /// The gradients of the parameters, then of the input, `[batch, inputs]`.
  public func backward(
    _ gradient: Tensor<Scalar>, _ pass: Pass<Scalar>, needsInputGradient: Bool
  ) throws -> Tensor<Scalar>? {
    guard let input, input.rows == gradient.rows else {
      preconditionFailure("\(summary): a gradient of \(gradient.shape) follows no such batch")
    }
    let keep: Scalar = pass.accumulatesGradients ? 1 : 0
    let rows = Int32(input.rows)
    if let bias {
      Scalar.addRows(of: gradient, keep: pass.accumulatesGradients, to: bias.gradient)
      try pass.finish(bias)
    }
    if rows > 0 {
      Scalar.matrixMatrix(
        transposeA: true, transposeB: false, rows: Int32(outputs), columns: Int32(inputs),
        inner: rows, gradient.base, input.base, keep: keep, weight.gradient.base)
    } else if keep == 0 {
      weight.gradient.values.update(repeating: 0)
    }
    try pass.finish(weight)
    guard needsInputGradient else { return nil }
    let inputGradient = inputGradient.tensor(input.shape)
    guard rows > 0 else { return inputGradient }
    Scalar.matrixMatrix(
      transposeA: false, transposeB: false, rows: rows, columns: Int32(inputs),
      inner: Int32(outputs), gradient.base, weight.values.base, keep: 0, inputGradient.base)
    return inputGradient
  }
}
