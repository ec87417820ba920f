import CKernels

/// The windows of a pooling layer over images of one size.
struct PoolPlan {
  let image: Shape
  let output: Shape
  var windows: ck_pool

  /// Creates the plan for images of this shape; nil if a window does not fit the image.
  init?(_ image: Shape, kernel: Size2D, stride: Size2D) {
    guard image[0] >= kernel.height, image[1] >= kernel.width else { return nil }
    self.image = image
    output = [
      (image[0] - kernel.height) / stride.height + 1, (image[1] - kernel.width) / stride.width + 1,
      image[2],
    ]
    windows = ck_pool(
      image_width: image[1], channels: image[2], rows: output[0], columns: output[1],
      height: kernel.height, width: kernel.width, row_stride: stride.height,
      column_stride: stride.width)
  }

  /// Returns a layer's plan for the shape of an example.
  ///
  /// - Throws: ``ShapeError`` that names the layer, if the shape does not fit.
  static func checked(
    _ image: Shape, kernel: Size2D, stride: Size2D, summary: String
  ) throws -> PoolPlan {
    guard image.rank == 3 else {
      throw ShapeError("\(summary) takes images of [height, width, channels], not of \(image)")
    }
    guard let plan = PoolPlan(image, kernel: kernel, stride: stride) else {
      throw ShapeError(
        "\(summary) needs images of [\(kernel.height), \(kernel.width), channels] or more, "
          + "not of \(image)")
    }
    return plan
  }

  static func summary(_ name: String, kernel: Size2D, stride: Size2D) -> String {
    "\(name) \(kernel)" + (stride == kernel ? "" : ", stride \(stride)")
  }

  static func check(_ name: String, kernel: Size2D, stride: Size2D) {
    precondition(
      min(kernel.height, kernel.width, stride.height, stride.width) > 0,
      "\(name) cannot have kernel \(kernel), stride \(stride)")
  }
}
