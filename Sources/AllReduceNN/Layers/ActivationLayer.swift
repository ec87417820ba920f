/// A layer that can write its output over its input.
///
/// ``Sequential`` sets ``worksInPlace`` for a layer that follows one whose output may be overwritten
/// (``LayerHints/outputMayBeOverwritten``), which saves memory and memory traffic. Elsewhere, working in place is safe
/// only if nothing else reads the input.
package protocol InPlaceLayer<Scalar>: Layer {
  /// Whether the layer writes its output over its input; false at first.
  var worksInPlace: Bool { get set }
}

/// The base class of ``ReLU``, ``LeakyReLU``, ``Tanh`` and ``Sigmoid``: applies to each element a function whose
/// derivative follows from its result. Takes any shape; computes the gradient in place.
public class ActivationLayer<Scalar: NetworkScalar>: Layer, InPlaceLayer {
  /// Whether the layer writes its output over its input.
  package final var worksInPlace = false

  private var scratch = Scratch<Scalar>()
  private var output: Tensor<Scalar>?

  /// Creates the layer; internal, so that no other module can subclass it.
  init() {}

  /// The name of the class.
  public var summary: String { "\(Self.self)" }

  /// Computes y = f(x) for each element.
  func apply(_ x: UnsafePointer<Scalar>, _ y: UnsafeMutablePointer<Scalar>, count: Int) {
    preconditionFailure("\(summary) has no function")
  }

  /// Multiplies the gradient in place by the derivative: g = g * f'(x), computed from y = f(x).
  func multiply(_ g: UnsafeMutablePointer<Scalar>, _ y: UnsafePointer<Scalar>, count: Int) {
    preconditionFailure("\(summary) has no gradient")
  }

  /// Returns the input's shape.
  public final func outputShape(for input: Shape) -> Shape { input }

  /// Applies the function to every element.
  public final func forward(_ input: Tensor<Scalar>, _ pass: Pass<Scalar>) -> Tensor<Scalar> {
    let output = worksInPlace ? input : scratch.tensor(input.shape)
    if input.count > 0 { apply(input.base, output.base, count: input.count) }
    self.output = output
    return output
  }

  /// Multiplies the gradient by the function's derivative, in place.
  public final func backward(
    _ gradient: Tensor<Scalar>, _ pass: Pass<Scalar>, needsInputGradient: Bool
  ) -> Tensor<Scalar>? {
    guard needsInputGradient else { return nil }
    guard let output, output.shape == gradient.shape else {
      preconditionFailure(
        "\(summary): backward got an output gradient of shape \(gradient.shape), which does not fit the batch of "
          + "the latest forward pass")
    }
    if gradient.count > 0 { multiply(gradient.base, output.base, count: gradient.count) }
    return gradient
  }
}
