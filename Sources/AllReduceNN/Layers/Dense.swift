/// A fully connected layer: every output is a weighted sum of all inputs, and a bias.
///
/// Batches of `[inputs]` give batches of `[outputs]`. A forward pass costs 2 · inputs · outputs
/// operations per example, a backward pass twice that. Parameters: "weight", `[outputs, inputs]`, and
/// "bias", `[outputs]`.
///
/// Batches of 8 to 256 examples are multiplied by loops that read large weights once; others, and
/// all batches on processors without wide vectors, by `cblas_sgemm` and `cblas_dgemm`.
public final class Dense<Scalar: NetworkScalar>: Layer, LayerHints {
  /// The numbers of an example's input.
  package let inputs: Int
  /// The numbers of an example's output.
  package let outputs: Int
  /// A row an output.
  public let weight: Parameter<Scalar>
  /// The bias added to the outputs; nil for none.
  public let bias: Parameter<Scalar>?

  /// The loops, for tests to replace.
  package var loops: LayerKernels {
    get { products.loops }
    set { products.loops = newValue }
  }
  private var products = DenseProducts<Scalar>()
  private var input: Tensor<Scalar>?
  private var output = Scratch<Scalar>()
  private var inputGradient = Scratch<Scalar>()

  /// Creates a layer.
  ///
  /// - Parameters:
  ///   - inputs: The numbers of an example's input.
  ///   - outputs: The numbers of an example's output.
  ///   - bias: Whether a learned number is added to each output; it is zero at first.
  ///   - initialization: The initialization of the weights; nil means He's.
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

  /// True: a large weight is used in pieces, each as soon as it is there.
  package var announcesUse: Bool { true }

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
    try products.multiply(input, weight, from: bias, to: output, pass)
    return output
  }

  /// The gradients of the parameters, then of the input, `[batch, inputs]`.
  public func backward(
    _ gradient: Tensor<Scalar>, _ pass: Pass<Scalar>, needsInputGradient: Bool
  ) throws -> Tensor<Scalar>? {
    guard let input, input.rows == gradient.rows else {
      preconditionFailure(
        "\(summary): backward got an output gradient of shape \(gradient.shape), which does not fit the batch of "
          + "the latest forward pass")
    }
    try products.learn(weight, bias, from: input, gradient, pass, isLast: !needsInputGradient)
    guard needsInputGradient else { return nil }
    let result = inputGradient.tensor(input.shape)
    products.multiplyBack(gradient, weight.values, to: result)
    return result
  }
}
