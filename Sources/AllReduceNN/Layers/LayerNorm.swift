/// Normalizes each row of the last dimension to mean 0 and variance 1, then scales and shifts each column: y = (x -
/// mean) / √(variance + epsilon) * weight + bias.
///
/// Ba, Kiros and Hinton, "Layer normalization", 2016. The layer keeps its input until `backward`, and computes the
/// gradient in place. It does the same in training and evaluation.
public final class LayerNorm<Scalar: NetworkScalar>: Layer, LayerHints {
  /// The scale of each column; initially 1.
  package let weight: Parameter<Scalar>
  /// The bias of each column; initially 0.
  package let bias: Parameter<Scalar>
  /// A number added to variances.
  package let epsilon: Double

  private let width: Int
  private var scratch = Scratch<Scalar>()
  private var statistics = Scratch<Scalar>()
  private var input: Tensor<Scalar>?

  /// Creates the layer for rows of `width` elements.
  public init(_ width: Int, epsilon: Double = 1e-5) {
    precondition(width > 0, "LayerNorm must have rows of 1 or more elements, not \(width)")
    self.width = width
    self.epsilon = epsilon
    weight = Parameter("weight", shape: [width], initialization: .constant(1), decays: false)
    bias = Parameter("bias", shape: [width], initialization: .constant(0), decays: false)
  }

  /// The name and size of the layer, such as "LayerNorm 512".
  public var summary: String { "LayerNorm \(width)" }

  /// The weight and the bias.
  public var parameters: [Parameter<Scalar>] { [weight, bias] }

  /// True: the gradient is computed from the input, not the output.
  package var outputMayBeOverwritten: Bool { true }

  /// Returns the input's shape.
  ///
  /// - Throws: ``ShapeError`` if the last dimension has a different size.
  public func outputShape(for input: Shape) throws -> Shape {
    try Normalization.check(input, width, summary)
  }

  /// Normalizes, scales and shifts each row.
  public func forward(_ input: Tensor<Scalar>, _ pass: Pass<Scalar>) -> Tensor<Scalar> {
    let output = scratch.tensor(input.shape)
    let rows = input.count / width
    self.input = input
    guard rows > 0 else { return output }
    let statistics = statistics.tensor([2, rows])
    Scalar.normalization.rows(
      input.base, output.base, rows: rows, width: width, weight: weight.values.base,
      bias: bias.values.base, epsilon: Scalar(epsilon), mean: statistics.base,
      inverse: statistics.base + rows)
    return output
  }

  /// Computes the gradients of the bias and the weight, then the gradient of the input, in place.
  public func backward(
    _ gradient: Tensor<Scalar>, _ pass: Pass<Scalar>, needsInputGradient: Bool
  ) throws -> Tensor<Scalar>? {
    guard let input, input.shape == gradient.shape else {
      preconditionFailure(
        "\(summary): backward got an output gradient of shape \(gradient.shape), which does not fit the batch of "
          + "the latest forward pass")
    }
    let rows = input.count / width
    weight.startGradient(in: pass)
    bias.startGradient(in: pass)
    let statistics = statistics.tensor([2, rows])
    if rows > 0 {
      Scalar.normalization.rowsParameters(
        gradient.base, input.base, rows: rows, width: width, mean: statistics.base,
        inverse: statistics.base + rows, weightGradient: weight.gradient.base,
        biasGradient: bias.gradient.base)
    }
    try pass.finish(bias)
    try pass.finish(weight)
    guard needsInputGradient else { return nil }
    if rows > 0 {
      Scalar.normalization.rowsGradient(
        gradient.base, input.base, rows: rows, width: width, weight: weight.values.base,
        mean: statistics.base, inverse: statistics.base + rows)
    }
    return gradient
  }
}

enum Normalization {
  /// Returns the input's shape if its last dimension has size `width`; throws ``ShapeError`` otherwise.
  static func check(_ input: Shape, _ width: Int, _ summary: String) throws -> Shape {
    guard input.rank > 0, input[-1] == width else {
      throw ShapeError(
        "\(summary) takes inputs whose last dimension is \(width), not inputs of \(input)")
    }
    return input
  }
}
