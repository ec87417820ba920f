import CKernels

/// Max pooling: the largest number of each window of an image, for each channel.
///
/// Batches of `[height, width, channels]` give batches of `[height', width', channels]`, where height' = (height -
/// kernel) / stride + 1, rounded down: rows and columns left over at the edges are not used. The gradient goes to the
/// first of the largest elements; a NaN counts as largest. The layer keeps 2 bytes per output.
public final class MaxPool2D<Scalar: NetworkScalar>: Layer {
  /// The size of a window.
  package let kernel: Size2D
  /// The distance from one window to the next, in pixels.
  package let stride: Size2D

  /// The C loops that the layer runs; tests replace them.
  package var loops = Scalar.layerLoops
  private var plan: PoolPlan?
  private var batch = 0
  private var places: TensorMemory<UInt16>?
  private var output = Scratch<Scalar>()
  private var inputGradient = Scratch<Scalar>()

  /// Creates a layer.
  ///
  /// - Parameters:
  ///   - kernel: The size of a window; at most 65,535 pixels.
  ///   - stride: The distance from one window to the next, in pixels; nil means the window's size.
  public init(kernel: Size2D, stride: Size2D? = nil) {
    self.kernel = kernel
    self.stride = stride ?? kernel
    PoolPlan.check("MaxPool2D", kernel: self.kernel, stride: self.stride)
    precondition(kernel.count <= 65_535, "MaxPool2D cannot have kernel \(kernel)")
  }

  /// The name and sizes of the layer, such as "MaxPool2D 3x3, stride 2x2".
  public var summary: String { PoolPlan.summary("MaxPool2D", kernel: kernel, stride: stride) }

  /// Returns the shape of an example's output, `[height', width', channels]`.
  ///
  /// - Throws: ``ShapeError`` if the layer does not accept this input.
  public func outputShape(for input: Shape) throws -> Shape {
    try PoolPlan.checked(input, kernel: kernel, stride: stride, summary: summary).output
  }

  /// Computes the largest number of each window, `[batch, height', width', channels]`.
  public func forward(_ input: Tensor<Scalar>, _ pass: Pass<Scalar>) throws -> Tensor<Scalar> {
    var plan = try currentPlan(for: input.shape)
    batch = input.rows
    let output = output.tensor(plan.output.batch(of: batch))
    if places == nil || places!.values.count < output.count {
      places = TensorMemory(count: output.count)
    }
    for image in 0..<batch {
      loops.table.pointee.max_pool(
        &plan.windows, input.base + image * plan.image.count,
        output.base + image * plan.output.count,
        places!.values.baseAddress! + image * plan.output.count)
    }
    return output
  }

  /// Computes the gradient of the input, `[batch, height, width, channels]`.
  public func backward(
    _ gradient: Tensor<Scalar>, _ pass: Pass<Scalar>, needsInputGradient: Bool
  ) throws -> Tensor<Scalar>? {
    guard needsInputGradient else { return nil }
    guard var plan, let places, batch == gradient.rows else {
      preconditionFailure(
        "\(summary): backward got an output gradient of shape \(gradient.shape), which does not fit the batch of "
          + "the latest forward pass")
    }
    let result = inputGradient.tensor(plan.image.batch(of: batch))
    for image in 0..<batch {
      loops.table.pointee.max_unpool(
        &plan.windows, plan.image[0], gradient.base + image * plan.output.count,
        places.values.baseAddress! + image * plan.output.count,
        result.base + image * plan.image.count)
    }
    return result
  }

  private func currentPlan(for input: Shape) throws -> PoolPlan {
    if let plan, plan.image == input.example { return plan }
    let new = try PoolPlan.checked(input.example, kernel: kernel, stride: stride, summary: summary)
    plan = new
    return new
  }
}
