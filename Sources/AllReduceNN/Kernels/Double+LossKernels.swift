#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension Double: LossScalar {
  /// The largest of some numbers, and their sum if asked for.
  public static func sumOfRow(
    _ values: UnsafePointer<Double>, count: Int, adding: Bool
  ) -> (largest: Double, sum: Double) {
    var (largest, sum) = (-Double.infinity, 0.0)
    for index in 0..<count {
      if values[index] > largest { largest = values[index] }
      sum += values[index]
    }
    return (largest, adding ? sum : 0)
  }

  /// result[i] = exp(values[i] - offset); returns the sum.
  public static func exponentials(
    _ values: UnsafePointer<Double>, minus offset: Double, _ result: UnsafeMutablePointer<Double>?,
    count: Int
  ) -> Double {
    var sum = 0.0
    for index in 0..<count {
      let value = exp(values[index] - offset)
      result?[index] = value
      sum += value
    }
    return sum
  }

  /// values[i] = values[i] * scale - offset.
  public static func scaleAndShift(
    _ values: UnsafeMutablePointer<Double>, count: Int, by scale: Double, minus offset: Double
  ) {
    for index in 0..<count { values[index] = values[index] * scale - offset }
  }

  /// The sum of the squared differences, and its gradient.
  public static func squaredDifferences(
    _ output: UnsafePointer<Double>, _ target: UnsafePointer<Double>,
    _ gradient: UnsafeMutablePointer<Double>?, count: Int, scale: Double
  ) -> Double {
    var sum = 0.0
    for index in 0..<count {
      let difference = output[index] - target[index]
      gradient?[index] = scale * difference
      sum += difference * difference
    }
    return sum
  }

  /// The sum of the losses, how many outputs are right, and the gradient.
  public static func binaryCrossEntropy(
    _ output: UnsafePointer<Double>, _ target: UnsafePointer<Double>,
    _ gradient: UnsafeMutablePointer<Double>?, count: Int, scale: Double
  ) -> (loss: Double, right: Int) {
    var (loss, right) = (0.0, 0)
    for index in 0..<count {
      let (logit, wanted) = (output[index], target[index])
      let small = exp(-abs(logit))
      loss += max(logit, 0) - wanted * logit + log1p(small)
      right += (logit > 0) == (wanted > 0.5) ? 1 : 0
      gradient?[index] = scale * ((logit >= 0 ? 1 : small) / (1 + small) - wanted)
    }
    return (loss, right)
  }
}
