/// The figures of batch norm's channels in one pass, and their exchange between ranks.
struct ChannelStatistics<Scalar: NetworkScalar> {
  /// The mean of each channel over the global batch.
  let mean: Tensor<Scalar>
  /// The variance of each, with the number of rows as the divisor.
  private(set) var variance: [Double]
  /// weight / √(variance + epsilon).
  let scale: Tensor<Scalar>
  /// The number subtracted from the input's gradient everywhere, and the factor of the distance from the mean.
  let offset: Tensor<Scalar>
  let slope: Tensor<Scalar>

  private let channels: Int
  /// 1 / √(variance + epsilon).
  private var inverse: [Double]
  private var sums: [Double]
  private var products: [Double]
  /// The numbers that ranks exchange.
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

  /// Finds mean and variance over the ranks that share the batch of a parameter; returns the number of rows,
  /// 0 if there are none.
  mutating func measure(
    _ input: Tensor<Scalar>, around center: Tensor<Scalar>,
    _ pass: Pass<Scalar>, _ parameter: Parameter<Scalar>
  ) throws -> Double {
    var total = try add(input, around: center, pass, parameter)
    if total > 0, isFar(total) {
      // The sums are relative to the center, which they now move to the mean.
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

  /// Stores given figures.
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

  /// Sums of this rank's gradient, and of its products with the distances from the mean.
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

  /// The correction of the input's gradient, as mean and variance depend on all rows.
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

  /// The figures do not depend on the rows: nothing is corrected.
  func clearProducts() {
    offset.values.setToZero()
    slope.values.setToZero()
  }

  private mutating func clear() {
    for channel in 0..<channels { (sums[channel], products[channel]) = (0, 0) }
  }

  /// Sums over all ranks of the distances from a center and of their squares; returns the rows.
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

  /// Adds the sums and products of all ranks, and the other exchanged numbers.
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

  /// Whether some mean is so far from the center that the difference which gives the variance loses more
  /// than 6 bits. A variance that is small beside any useful epsilon need not be exact.
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
