/// Normalizes each channel (an index of the last dimension) to mean 0 and variance 1 over the global batch, then scales
/// and shifts it: y = (x - mean) / √(variance + epsilon) * weight + bias.
///
/// Ioffe and Szegedy, "Batch normalization", 2015. `[batch, features]` and `[batch, height, width, channels]` are
/// normalized alike. If the batch is distributed over ranks (`GradientSink.combine(_:for:)`), all of them must call
/// both passes, even a rank without rows. `forward` all-reduces 2 * channels + 1 numbers, `backward` 2 * channels. Up
/// to rounding, the results equal those of one rank with the whole batch.
///
/// `forward` sums differences from the running mean. If the running mean is too far from the batch's mean for an
/// accurate variance, mostly in the first steps, `forward` sums and all-reduces again, with differences from the
/// batch's mean. All ranks make the same decision.
///
/// Evaluation uses the running averages. They are buffers, equal on all ranks. Each training step moves them towards
/// the batch's mean and unbiased variance by the fraction `momentum`.
public final class BatchNorm<Scalar: NetworkScalar>: Layer, LayerHints {
  /// The scale of each channel; initially 1.
  package let weight: Parameter<Scalar>
  /// The bias of each channel; initially 0.
  package let bias: Parameter<Scalar>
  /// The running mean of each channel, used in evaluation; initially 0.
  package let runningMean: Tensor<Scalar>
  /// The running variance of each channel, used in evaluation; initially 1.
  package let runningVariance: Tensor<Scalar>
  /// The weight of the newest batch in the running averages, from 0 to 1.
  package let momentum: Double
  /// A number added to variances.
  package let epsilon: Double

  private let channels: Int
  private var scratch = Scratch<Scalar>()
  private var input: Tensor<Scalar>?
  private var statistics: ChannelStatistics<Scalar>
  /// The number of rows of the global batch in the latest forward pass; 0 if that pass used the running averages.
  private var total = 0.0

  /// Creates the layer for a number of channels.
  ///
  /// - Parameters:
  ///   - channels: The size of the last dimension.
  ///   - momentum: The weight of the newest batch in the running averages, from 0 to 1.
  ///   - epsilon: A number added to variances.
  public convenience init(_ channels: Int, momentum: Double = 0.1, epsilon: Double = 1e-5) {
    precondition(channels > 0, "BatchNorm must have 1 or more channels, not \(channels)")
    self.init(
      weight: Parameter("weight", shape: [channels], initialization: .constant(1), decays: false),
      bias: Parameter("bias", shape: [channels], initialization: .constant(0), decays: false),
      mean: Tensor(shape: [channels]), variance: Tensor(repeating: 1, shape: [channels]),
      momentum: momentum, epsilon: epsilon)
  }

  /// Creates the layer from its parameters and running averages, which may be those of some channels of a larger layer.
  package init(
    weight: Parameter<Scalar>, bias: Parameter<Scalar>, mean: Tensor<Scalar>,
    variance: Tensor<Scalar>, momentum: Double, epsilon: Double
  ) {
    precondition(
      momentum >= 0 && momentum <= 1, "the momentum of BatchNorm must be 0 to 1, not \(momentum)")
    (self.weight, self.bias) = (weight, bias)
    (runningMean, runningVariance) = (mean, variance)
    (self.momentum, self.epsilon) = (momentum, epsilon)
    channels = weight.shape.count
    statistics = ChannelStatistics(channels)
  }

  /// The name and size of the layer, such as "BatchNorm 64".
  public var summary: String { "BatchNorm \(channels)" }

  /// The weight and the bias.
  public var parameters: [Parameter<Scalar>] { [weight, bias] }

  /// The running averages, named "runningMean" and "runningVariance".
  public var buffers: [(name: String, tensor: Tensor<Scalar>)] {
    [("runningMean", runningMean), ("runningVariance", runningVariance)]
  }

  /// True: the gradient is computed from the input, not the output.
  package var outputMayBeOverwritten: Bool { true }

  /// Returns the input's shape.
  ///
  /// - Throws: ``ShapeError`` if the last dimension has a different size.
  public func outputShape(for input: Shape) throws -> Shape {
    try Normalization.check(input, channels, summary)
  }

  /// Normalizes the channels. In training, all ranks that have a part of the batch must call it.
  ///
  /// - Throws: The errors of the exchange between ranks.
  public func forward(_ input: Tensor<Scalar>, _ pass: Pass<Scalar>) throws -> Tensor<Scalar> {
    self.input = input
    if pass.isTraining {
      total = try statistics.measure(input, around: runningMean, pass, weight)
      if total > 0 { moveAverages() }
    } else {
      total = 0
      statistics.adopt(mean: runningMean, variance: runningVariance)
    }
    statistics.scale(weight.values, epsilon: epsilon)
    let output = scratch.tensor(input.shape)
    guard input.count > 0 else { return output }
    Scalar.normalization.columns(
      input.base, output.base, rows: input.count / channels, width: channels,
      mean: statistics.mean.base, scale: statistics.scale.base, offset: bias.values.base)
    return output
  }

  /// Computes the gradients of the bias and the weight from this rank's rows, then the gradient of the input, in place.
  ///
  /// After a forward pass in training, all ranks that have a part of the batch must call it with the same
  /// `needsInputGradient`.
  ///
  /// - Throws: The errors of the exchange between ranks.
  public func backward(
    _ gradient: Tensor<Scalar>, _ pass: Pass<Scalar>, needsInputGradient: Bool
  ) throws -> Tensor<Scalar>? {
    guard let input, input.shape == gradient.shape else {
      preconditionFailure(
        "\(summary): backward got an output gradient of shape \(gradient.shape), which does not fit the batch of "
          + "the latest forward pass")
    }
    statistics.addProducts(of: gradient, input)
    for channel in 0..<channels {
      let kept = pass.accumulatesGradients
      let (ofWeight, ofBias) = statistics.parameterGradients(channel)
      bias.gradient[channel] = (kept ? bias.gradient[channel] : 0) + Scalar(ofBias)
      weight.gradient[channel] = (kept ? weight.gradient[channel] : 0) + Scalar(ofWeight)
    }
    try pass.finish(bias)
    try pass.finish(weight)
    guard needsInputGradient else { return nil }
    if total > 0 {
      try statistics.combineProducts(over: total, pass, weight)
    } else {
      statistics.clearProducts()
    }
    if input.count > 0 {
      Scalar.normalization.columnsGradient(
        gradient.base, input.base, rows: input.count / channels, width: channels,
        mean: statistics.mean.base, scale: statistics.scale.base, offset: statistics.offset.base,
        slope: statistics.slope.base)
    }
    return gradient
  }

  private func moveAverages() {
    let unbiased = total > 1 ? total / (total - 1) : 1
    for channel in 0..<channels {
      let mean = Double(statistics.mean[channel])
      let variance = statistics.variance[channel] * unbiased
      runningMean[channel] += Scalar(momentum * (mean - Double(runningMean[channel])))
      runningVariance[channel] += Scalar(momentum * (variance - Double(runningVariance[channel])))
    }
  }
}
