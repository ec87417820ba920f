/// A fully connected layer: every output is a weighted sum of all inputs, plus a bias.
///
/// Batches of `[inputs]` give batches of `[outputs]`. A forward pass costs 2 * inputs * outputs operations per example,
/// a backward pass twice that number. The parameters are "weight", `[outputs, inputs]`, and "bias", `[outputs]`.
///
/// Batches of 8 to 256 examples are multiplied by the library's own loops, which read large weights once. Other
/// batches, and all batches on processors without wide vectors, are multiplied by `cblas_sgemm` and `cblas_dgemm`.
public final class Dense<Scalar: NetworkScalar>: Layer, LayerHints {
  /// The number of elements in an example's input.
  package let inputs: Int
  /// The number of elements in an example's output.
  package let outputs: Int
  /// The weights, `[outputs, inputs]`: one row per output.
  public let weight: Parameter<Scalar>
  /// The bias of each output; nil for a layer without bias.
  public let bias: Parameter<Scalar>?

  /// The C loops that the layer runs; tests replace them.
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
  ///   - inputs: The number of elements in an example's input.
  ///   - outputs: The number of elements in an example's output.
  ///   - bias: Whether a learned bias, initially zero, is added to each output.
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

  /// The name and sizes of the layer, such as "Dense 784 -> 512".
  public var summary: String { "Dense \(inputs) -> \(outputs)" }

  /// The weight, and the bias if the layer has one.
  public var parameters: [Parameter<Scalar>] { [weight] + (bias.map { [$0] } ?? []) }

  /// True: the layer uses a large weight in pieces, each as soon as it has arrived.
  package var announcesUse: Bool { true }

  /// Returns the shape of an example's output, `[outputs]`.
  ///
  /// - Throws: ``ShapeError`` if the layer does not accept this input.
  public func outputShape(for input: Shape) throws -> Shape {
    guard input == [inputs] else {
      throw ShapeError("\(summary) takes examples of \(Shape([inputs])), not of \(input)")
    }
    return [outputs]
  }

  /// Computes the outputs, `[batch, outputs]`, of inputs `[batch, inputs]`.
  public func forward(_ input: Tensor<Scalar>, _ pass: Pass<Scalar>) throws -> Tensor<Scalar> {
    self.input = input
    let output = output.tensor([input.rows, outputs])
    try products.multiply(input, weight, from: bias, to: output, pass)
    return output
  }

  /// Computes the gradients of the parameters, then that of the input, `[batch, inputs]`.
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
