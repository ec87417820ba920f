/// Gaussian error linear unit: x * P(x), element by element, where P(x) is the probability that a standard normal
/// variable is below x.
///
/// Hendrycks and Gimpel, "Gaussian error linear units", 2016. Takes any shape. The layer keeps its input for the
/// gradient, so it does not work in place, but its output may be overwritten.
public final class GELU<Scalar: NetworkScalar>: Layer, LayerHints {
  /// How P is computed.
  public enum Form: Hashable, Sendable {
    /// By the error function: P(x) = (1 + erf(x / √2)) / 2, the default of most libraries.
    case exact
    /// By tanh: P(x) = (1 + tanh(√(2/π) * (x + 0.044715 * x³))) / 2, for models that were trained with this form.
    case tanh
  }

  /// How P is computed.
  package let form: Form
  private var scratch = Scratch<Scalar>()
  private var input: Tensor<Scalar>?

  /// Creates the layer.
  public init(_ form: Form = .exact) { self.form = form }

  /// The name and form of the layer: "GELU" or "GELU by tanh".
  public var summary: String { form == .exact ? "GELU" : "GELU by tanh" }

  /// True: the gradient is computed from the input, not the output.
  package var outputMayBeOverwritten: Bool { true }

  /// Returns the input's shape.
  public func outputShape(for input: Shape) -> Shape { input }

  /// Applies the function to every element.
  public func forward(_ input: Tensor<Scalar>, _ pass: Pass<Scalar>) -> Tensor<Scalar> {
    let output = scratch.tensor(input.shape)
    if input.count > 0 {
      Scalar.vectorFunctions.gelu(
        input.base, output.base, count: input.count, approximate: form == .tanh)
    }
    self.input = input
    return output
  }

  /// Multiplies the gradient by the function's derivative, in place.
  public func backward(
    _ gradient: Tensor<Scalar>, _ pass: Pass<Scalar>, needsInputGradient: Bool
  ) -> Tensor<Scalar>? {
    guard needsInputGradient else { return nil }
    guard let input, input.shape == gradient.shape else {
      preconditionFailure(
        "\(summary): backward got an output gradient of shape \(gradient.shape), which does not fit the batch of "
          + "the latest forward pass")
    }
    if gradient.count > 0 {
      Scalar.vectorFunctions.geluGradient(
        input.base, gradient.base, count: gradient.count, approximate: form == .tanh)
    }
    return gradient
  }
}
