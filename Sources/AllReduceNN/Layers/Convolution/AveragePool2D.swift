import CKernels

/// Average pooling: the mean of each window of an image, for each channel.
///
/// Batches of `[height, width, channels]` give batches of `[height', width', channels]`, where height' = (height -
/// kernel) / stride + 1, rounded down: rows and columns left over at the edges are not used.
public final class AveragePool2D<Scalar: NetworkScalar>: Layer {
  /// The size of a window.
  package let kernel: Size2D
  /// The distance from one window to the next, in pixels.
  package let stride: Size2D

  /// The C loops that the layer runs; tests replace them.
  package var loops = Scalar.layerLoops
  private var plan: PoolPlan?
  private var output = Scratch<Scalar>()
  private var inputGradient = Scratch<Scalar>()

  /// Creates a layer.
  ///
  /// - Parameters:
  ///   - kernel: The size of a window.
  ///   - stride: The distance from one window to the next, in pixels; nil means the window's size.
  public init(kernel: Size2D, stride: Size2D? = nil) {
    self.kernel = kernel
    self.stride = stride ?? kernel
    PoolPlan.check("AveragePool2D", kernel: self.kernel, stride: self.stride)
  }

  /// The name and sizes of the layer, such as "AveragePool2D 3x3, stride 2x2".
  public var summary: String { PoolPlan.summary("AveragePool2D", kernel: kernel, stride: stride) }

  /// Returns the shape of an example's output, `[height', width', channels]`.
  ///
  /// - Throws: ``ShapeError`` if the layer does not accept this input.
  public func outputShape(for input: Shape) throws -> Shape {
    try PoolPlan.checked(input, kernel: kernel, stride: stride, summary: summary).output
  }

  /// Computes the mean of each window, `[batch, height', width', channels]`.
  public func forward(_ input: Tensor<Scalar>, _ pass: Pass<Scalar>) throws -> Tensor<Scalar> {
    if plan == nil || plan!.image != input.shape.example {
      plan = try PoolPlan.checked(
        input.shape.example, kernel: kernel, stride: stride, summary: summary)
    }
    var plan = plan!
    let output = output.tensor(plan.output.batch(of: input.rows))
    for image in 0..<input.rows {
      loops.table.pointee.mean_pool(
        &plan.windows, input.base + image * plan.image.count,
        output.base + image * plan.output.count)
    }
    return output
  }

  /// Computes the gradient of the input, `[batch, height, width, channels]`.
  public func backward(
    _ gradient: Tensor<Scalar>, _ pass: Pass<Scalar>, needsInputGradient: Bool
  ) throws -> Tensor<Scalar>? {
    guard needsInputGradient else { return nil }
    guard var plan else {
      preconditionFailure(
        "\(summary): backward got an output gradient of shape \(gradient.shape), before any "
          + "forward pass")
    }
    let result = inputGradient.tensor(plan.image.batch(of: gradient.rows))
    for image in 0..<gradient.rows {
      loops.table.pointee.mean_unpool(
        &plan.windows, plan.image[0], gradient.base + image * plan.output.count,
        result.base + image * plan.image.count)
    }
    return result
  }
}
