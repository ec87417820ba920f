/// A layer that can write its output over its input.
///
/// ``Sequential`` sets it for a layer that follows one whose output may be overwritten
/// (``LayerHints/outputMayBeOverwritten``): that saves memory and its traffic. Elsewhere it is safe only if
/// nothing else reads the input.
package protocol InPlaceLayer<Scalar>: Layer {
  /// Whether the output takes the input's place; false at first.
  var worksInPlace: Bool { get set }
}

/// What ``ReLU``, ``LeakyReLU``, ``Tanh`` and ``Sigmoid`` share: a function of single elements whose
/// gradient follows from its result. Any shape; the gradient is computed in place.
public class ActivationLayer<Scalar: NetworkScalar>: Layer, InPlaceLayer {
  /// Whether the output takes the input's place.
  package final var worksInPlace = false

  private var scratch = Scratch<Scalar>()
  private var output: Tensor<Scalar>?

  /// Only the layers named above are made.
  init() {}

  /// The function's name.
  public var summary: String { "\(Self.self)" }

  /// y = f(x).
  func apply(_ x: UnsafePointer<Scalar>, _ y: UnsafeMutablePointer<Scalar>, count: Int) {
    preconditionFailure("\(summary) has no function")
  }

  /// g = g f'(x), from y = f(x).
  func multiply(_ g: UnsafeMutablePointer<Scalar>, _ y: UnsafePointer<Scalar>, count: Int) {
    preconditionFailure("\(summary) has no gradient")
  }

  /// The input's shape.
  public final func outputShape(for input: Shape) -> Shape { input }

  /// Applies the function to every element.
  public final func forward(_ input: Tensor<Scalar>, _ pass: Pass<Scalar>) -> Tensor<Scalar> {
    let output = worksInPlace ? input : scratch.tensor(input.shape)
    if input.count > 0 { apply(input.base, output.base, count: input.count) }
    self.output = output
    return output
  }

  /// Multiplies the gradient by the function's slope, in place.
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
