import CKernels

/// A 2D convolution: every output pixel is a weighted sum of a window of the input, plus a bias.
///
/// Batches of `[height, width, inputChannels]` give batches of `[height', width', outputChannels]`, where height' =
/// (height + 2 * padding - kernel) / stride + 1, rounded down. A forward pass costs 2 * kernel² * inputChannels *
/// outputChannels operations per output pixel, a backward pass twice that number. The parameters are "weight",
/// `[outputChannels, kernel height, kernel width, inputChannels]`, and "bias", `[outputChannels]`.
///
/// The loops read windows directly from the image, without a matrix of windows. In addition to its results, the layer
/// keeps one padded image.
public final class Conv2D<Scalar: NetworkScalar>: Layer {
  /// The number of channels per input pixel.
  package let inputChannels: Int
  /// The number of channels per output pixel.
  package let outputChannels: Int
  /// The size of a window.
  package let kernel: Size2D
  /// The distance from one window to the next, in pixels.
  package let stride: Size2D
  /// The number of rows of zeros above and below an image, and of columns of zeros to its left and right.
  package let padding: Size2D
  /// The weights, one row per output channel.
  public let weight: Parameter<Scalar>
  /// The bias of each output channel; nil for a layer without bias.
  public let bias: Parameter<Scalar>?

  /// The C loops that the layer runs; tests replace them.
  package var loops = Scalar.layerLoops
  private var plan: ConvolutionPlan?
  private var input: Tensor<Scalar>?
  private var output = Scratch<Scalar>()
  private var inputGradient = Scratch<Scalar>()
  private var panels = Scratch<Scalar>()
  private var start = Scratch<Scalar>()
  private var padded = Scratch<Scalar>()
  private var spanned = Scratch<Scalar>()

  /// Creates a layer.
  ///
  /// - Parameters:
  ///   - inputChannels: The number of channels per input pixel.
  ///   - outputChannels: The number of channels per output pixel.
  ///   - kernel: The size of a window.
  ///   - stride: The distance from one window to the next, in pixels.
  ///   - padding: The number of rows and of columns of zeros on each side of an image.
  ///   - bias: Whether a learned bias, initially zero, is added to each output channel.
  ///   - initialization: The initialization of the weights; nil means He's.
  public init(
    inputChannels: Int, outputChannels: Int, kernel: Size2D, stride: Size2D = 1,
    padding: Size2D = 0, bias: Bool = true, initialization: Initialization? = nil
  ) {
    precondition(
      inputChannels > 0 && outputChannels > 0,
      "a convolution cannot have \(inputChannels) and \(outputChannels) channels")
    precondition(
      min(kernel.height, kernel.width, stride.height, stride.width) > 0
        && min(padding.height, padding.width) >= 0,
      "a convolution cannot have kernel \(kernel), stride \(stride), padding \(padding)")
    self.inputChannels = inputChannels
    self.outputChannels = outputChannels
    self.kernel = kernel
    self.stride = stride
    self.padding = padding
    weight = Parameter(
      "weight", shape: [outputChannels, kernel.height, kernel.width, inputChannels],
      initialization: initialization ?? .he(fanIn: kernel.count * inputChannels), decays: true)
    self.bias =
      bias
      ? Parameter("bias", shape: [outputChannels], initialization: .constant(0), decays: false)
      : nil
  }

  /// The name and sizes of the layer, such as "Conv2D 3 -> 8, 5x5, stride 2x2".
  public var summary: String {
    "Conv2D \(inputChannels) -> \(outputChannels), \(kernel)"
      + (stride == 1 ? "" : ", stride \(stride)") + (padding == 0 ? "" : ", padding \(padding)")
  }

  /// The weight, and the bias if the layer has one.
  public var parameters: [Parameter<Scalar>] { [weight] + (bias.map { [$0] } ?? []) }

  /// Returns the shape of an example's output, `[height', width', outputChannels]`.
  ///
  /// - Throws: ``ShapeError`` if the layer does not accept this input.
  public func outputShape(for input: Shape) throws -> Shape {
    guard input.rank == 3, input[2] == inputChannels else {
      throw ShapeError(
        "\(summary) takes images of [height, width, \(inputChannels)], not of \(input)")
    }
    guard let plan = plan(for: input) else {
      throw ShapeError(
        "\(summary) needs images of [\(max(1, kernel.height - 2 * padding.height)), "
          + "\(max(1, kernel.width - 2 * padding.width)), \(inputChannels)] or more, "
          + "not of \(input)")
    }
    return plan.output
  }

  /// Computes the convolution, `[batch, height', width', outputChannels]`.
  public func forward(_ input: Tensor<Scalar>, _ pass: Pass<Scalar>) throws -> Tensor<Scalar> {
    let plan = checkedPlan(for: input.shape)
    let loops = loops.table.pointee
    self.input = input
    let output = output.tensor(plan.output.batch(of: input.rows))
    var (windows, indices) = (plan.windows, plan.weightIndices)
    let columns = LayerKernels.rounded(outputChannels)
    let panels = panels.tensor([plan.kernelCount, columns])
    loops.pack(weight.values.base, &indices, outputChannels, plan.kernelCount, panels.base)
    let start = start.tensor([columns])
    if let bias { start.base.update(from: bias.values.base, count: outputChannels) }

    let sink = pass.sink
    for image in 0..<input.rows {
      loops.convolve(
        &windows, windowed(input, image, plan), panels.base, bias == nil ? nil : start.base,
        outputChannels, output.base + image * plan.output.count,
        plan.columns.output * outputChannels, outputChannels)
      try sink?.makeProgress()
    }
    return output
  }

  /// Computes the gradients of the parameters, then that of the input, `[batch, height, width, inputChannels]`.
  public func backward(
    _ gradient: Tensor<Scalar>, _ pass: Pass<Scalar>, needsInputGradient: Bool
  ) throws -> Tensor<Scalar>? {
    guard let input, let plan, input.rows == gradient.rows else {
      preconditionFailure(
        "\(summary): backward got an output gradient of shape \(gradient.shape), which does not fit the batch of "
          + "the latest forward pass")
    }
    if let bias {
      Scalar.addRows(of: gradient, keep: pass.accumulatesGradients, to: bias.gradient)
      try pass.finish(bias)
    }
    try addWeightGradient(of: input, gradient, plan, pass)
    try pass.finish(weight)
    return needsInputGradient ? try inputGradient(of: input, gradient, plan, pass) : nil
  }

  private func addWeightGradient(
    of input: Tensor<Scalar>, _ gradient: Tensor<Scalar>, _ plan: ConvolutionPlan,
    _ pass: Pass<Scalar>
  ) throws {
    let loops = loops.table.pointee
    var (windows, indices) = (plan.windows, plan.weightIndices)
    let columns = LayerKernels.rounded(outputChannels)
    let panels = panels.tensor([plan.kernelCount, columns])
    panels.values.setToZero()
    let sink = pass.sink
    for image in 0..<input.rows {
      var rows = gradient.base + image * plan.output.count
      if columns != outputChannels {
        let wide = spanned.tensor([plan.rows.output, plan.columns.output, columns])
        loops.window(
          rows, plan.rows.output, plan.columns.output, outputChannels, 0, 0, plan.rows.output,
          plan.columns.output, columns, wide.base)
        rows = wide.base
      }
      loops.correlate(
        &windows, windowed(input, image, plan), rows, columns, outputChannels, panels.base)
      try sink?.makeProgress()
    }
    loops.unpack(
      panels.base, &indices, outputChannels, plan.kernelCount,
      pass.accumulatesGradients ? 1 : 0, weight.gradient.base)
  }

  private func inputGradient(
    of input: Tensor<Scalar>, _ gradient: Tensor<Scalar>, _ plan: ConvolutionPlan,
    _ pass: Pass<Scalar>
  ) throws -> Tensor<Scalar> {
    let loops = loops.table.pointee
    let result = inputGradient.tensor(input.shape)
    let panels = panels.tensor([plan.phasePanels])
    for phase in plan.phases where phase.windows.runs > 0 {
      var indices = phase.indices
      loops.pack(
        weight.values.base + phase.firstElement, &indices, inputChannels, 1,
        panels.base + phase.panels)
    }
    let sink = pass.sink
    for image in 0..<input.rows {
      var rows = gradient.base + image * plan.output.count
      if !plan.spansOutput && plan.spannedCount > 0 {
        let spanned = spanned.tensor([plan.spannedCount])
        loops.window(
          rows, plan.rows.output, plan.columns.output, outputChannels, plan.rows.span.lowerBound,
          plan.columns.span.lowerBound, plan.rows.span.count, plan.columns.span.count,
          outputChannels, spanned.base)
        rows = spanned.base
      }
      for phase in plan.phases {
        var windows = phase.windows
        loops.convolve(
          &windows, rows + phase.from, panels.base + phase.panels, nil, inputChannels,
          result.base + image * plan.image.count + phase.to,
          stride.height * plan.columns.input * inputChannels, stride.width * inputChannels)
      }
      try sink?.makeProgress()
    }
    return result
  }

  /// Returns an image with its padding: a copy if there is padding, otherwise the image itself.
  private func windowed(
    _ input: Tensor<Scalar>, _ image: Int, _ plan: ConvolutionPlan
  ) -> UnsafeMutablePointer<Scalar> {
    let pixels = input.base + image * plan.image.count
    guard plan.isPadded else { return pixels }
    let padded = padded.tensor([plan.paddedCount])
    loops.table.pointee.window(
      pixels, plan.rows.input, plan.columns.input, inputChannels, -padding.height, -padding.width,
      plan.rows.input + 2 * padding.height, plan.columns.input + 2 * padding.width, inputChannels,
      padded.base)
    return padded.base
  }

  private func plan(for image: Shape) -> ConvolutionPlan? {
    ConvolutionPlan(
      image, outputChannels: outputChannels, kernel: kernel, stride: stride, padding: padding)
  }

  private func checkedPlan(for input: Shape) -> ConvolutionPlan {
    if let plan, plan.image == input.example { return plan }
    guard input.rank == 4, input[3] == inputChannels, let new = plan(for: input.example) else {
      preconditionFailure("\(summary) cannot take a batch of \(input)")
    }
    plan = new
    return new
  }
}
