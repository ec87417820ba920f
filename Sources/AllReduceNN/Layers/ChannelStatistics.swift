/// The statistics of each channel in one pass of batch norm, and their exchange between ranks.
struct ChannelStatistics<Scalar: NetworkScalar> {
  /// The mean of each channel over the global batch.
  let mean: Tensor<Scalar>
  /// The variance of each channel over the global batch, with the number of rows as the divisor.
  private(set) var variance: [Double]
  /// The factor of each channel: weight / √(variance + epsilon).
  let scale: Tensor<Scalar>
  /// The constant in the correction of each channel's input gradient, which subtracts offset + slope * (x - mean).
  let offset: Tensor<Scalar>
  /// The factor of x - mean in the correction of each channel's input gradient.
  let slope: Tensor<Scalar>

  private let channels: Int
  /// 1 / √(variance + epsilon) for each channel.
  private var inverse: [Double]
  private var sums: [Double]
  private var products: [Double]
  /// The buffer of the numbers that the ranks exchange.
  private let exchanged: Tensor<Scalar>

  init(_ channels: Int) {
    self.channels = channels
    mean = Tensor(shape: [channels])
    scale = Tensor(shape: [channels])
    offset = Tensor(shape: [channels])
    slope = Tensor(shape: [channels])
    exchanged = Tensor(shape: [2 * channels + 1])
    variance = Array(repeating: 0, count: channels)
    inverse = variance
    sums = variance
    products = variance
  }

  /// Computes the mean and variance of each channel over the ranks that have a part of the parameter's batch. Returns
  /// their number of rows, which may be 0.
  mutating func measure(
    _ input: Tensor<Scalar>, around center: Tensor<Scalar>,
    _ pass: Pass<Scalar>, _ parameter: Parameter<Scalar>
  ) throws -> Double {
    var total = try add(input, around: center, pass, parameter)
    if total > 0, isFar(total) {
      // The sums are of differences from the center; the next sums are of differences from the mean.
      for channel in 0..<channels {
        mean[channel] = Scalar(Double(center[channel]) + sums[channel] / total)
      }
      total = try add(input, around: mean, pass, parameter)
      finish(total, around: mean)
    } else if total > 0 {
      finish(total, around: center)
    }
    return total
  }

  /// Stores a given mean and variance of each channel.
  mutating func adopt(mean: Tensor<Scalar>, variance: Tensor<Scalar>) {
    _ = self.mean.values.update(fromContentsOf: mean.values)
    for channel in 0..<channels { self.variance[channel] = Double(variance[channel]) }
  }

  mutating func scale(_ weight: Tensor<Scalar>, epsilon: Double) {
    for channel in 0..<channels {
      inverse[channel] = 1 / (variance[channel] + epsilon).squareRoot()
      scale[channel] = Scalar(Double(weight[channel]) * inverse[channel])
    }
  }

  /// Computes, for each channel, the sums over this rank's rows of the gradient and of gradient * (x - mean).
  mutating func addProducts(of gradient: Tensor<Scalar>, _ input: Tensor<Scalar>) {
    clear()
    guard input.count > 0 else { return }
    Scalar.normalization.columnProducts(
      gradient.base, input.base, rows: input.count / channels, width: channels, mean: mean.base,
      sums: &sums, products: &products)
  }

  func parameterGradients(_ channel: Int) -> (weight: Double, bias: Double) {
    (products[channel] * inverse[channel], sums[channel])
  }

  /// Sums the products of ``addProducts(of:_:)`` over the ranks, and computes from them the correction of the input's
  /// gradient that is due because mean and variance depend on all rows.
  mutating func combineProducts(
    over total: Double, _ pass: Pass<Scalar>, _ parameter: Parameter<Scalar>
  ) throws {
    try exchange(2 * channels, pass, parameter)
    for channel in 0..<channels {
      let factor = Double(scale[channel]) / total
      offset[channel] = Scalar(factor * sums[channel])
      slope[channel] = Scalar(factor * products[channel] * inverse[channel] * inverse[channel])
    }
  }

  /// Sets the correction to zero, for a mean and variance that do not depend on the rows.
  func clearProducts() {
    offset.values.setToZero()
    slope.values.setToZero()
  }

  private mutating func clear() {
    for channel in 0..<channels { (sums[channel], products[channel]) = (0, 0) }
  }

  /// Computes, for each channel, the sums over all ranks of the differences from a center and of their squares. Returns
  /// the number of rows on all ranks.
  private mutating func add(
    _ input: Tensor<Scalar>, around center: Tensor<Scalar>,
    _ pass: Pass<Scalar>, _ parameter: Parameter<Scalar>
  ) throws -> Double {
    clear()
    if input.count > 0 {
      Scalar.normalization.columnSums(
        input.base, rows: input.count / channels, width: channels, shift: center.base,
        sums: &sums, squares: &products)
    }
    exchanged[2 * channels] = Scalar(input.count / channels)
    try exchange(2 * channels + 1, pass, parameter)
    return Double(exchanged[2 * channels])
  }

  /// Sums over the ranks the first `count` of the exchanged numbers, which include `sums` and `products`.
  private mutating func exchange(
    _ count: Int, _ pass: Pass<Scalar>, _ parameter: Parameter<Scalar>
  ) throws {
    guard let sink = pass.sink else { return }
    for channel in 0..<channels {
      exchanged[channel] = Scalar(sums[channel])
      exchanged[channels + channel] = Scalar(products[channel])
    }
    let all = UnsafeMutableBufferPointer(rebasing: exchanged.values[0..<count])
    guard try sink.combine(all, for: parameter) else { return }
    for channel in 0..<channels {
      sums[channel] = Double(exchanged[channel])
      products[channel] = Double(exchanged[channels + channel])
    }
  }

  /// Whether the mean of some channel is so far from the center that the subtraction which gives the variance loses
  /// more than 6 bits. A variance that is small compared with any useful epsilon need not be exact.
  private func isFar(_ total: Double) -> Bool {
    (0..<channels).contains { channel in
      let distance = sums[channel] / total
      let square = distance * distance
      return square > 64 * max(products[channel] / total - square, 1e-5)
    }
  }

  private mutating func finish(_ total: Double, around center: Tensor<Scalar>) {
    for channel in 0..<channels {
      let distance = sums[channel] / total
      variance[channel] = max(0, products[channel] / total - distance * distance)
      mean[channel] = Scalar(Double(center[channel]) + distance)
    }
  }
}
