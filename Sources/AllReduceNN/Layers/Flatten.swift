/// Views each example as one row of numbers: `[height, width, channels]` as `[height * width * channels]`.
///
/// It copies nothing.
public final class Flatten<Scalar: NetworkScalar>: Layer {
  private var shape: Shape?

  /// Creates a layer.
  public init() {}

  /// The name of the layer, "Flatten".
  public var summary: String { "Flatten" }

  /// Returns the shape of an example's output, `[count]`.
  public func outputShape(for input: Shape) throws -> Shape { [input.count] }

  /// Views a batch as `[batch, count]`.
  public func forward(_ input: Tensor<Scalar>, _ pass: Pass<Scalar>) throws -> Tensor<Scalar> {
    shape = input.shape
    return input.reshaped([input.rows, input.shape.example.count])
  }

  /// Returns the same gradient, viewed in the shape of the input.
  public func backward(
    _ gradient: Tensor<Scalar>, _ pass: Pass<Scalar>, needsInputGradient: Bool
  ) throws -> Tensor<Scalar>? {
    guard let shape else {
      preconditionFailure(
        "\(summary): backward got an output gradient of shape \(gradient.shape), before any "
          + "forward pass")
    }
    return needsInputGradient ? gradient.reshaped(shape) : nil
  }
}
