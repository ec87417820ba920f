#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension Float: LossScalar {
  /// The largest of some numbers, and their sum if asked for.
  public static func sumOfRow(
    _ values: UnsafePointer<Float>, count: Int, adding: Bool
  ) -> (largest: Float, sum: Double) {
    var (largest, sum) = (-Float.infinity, 0.0)
    for index in 0..<count {
      if values[index] > largest { largest = values[index] }
      sum += Double(values[index])
    }
    return (largest, adding ? sum : 0)
  }

  /// result[i] = exp(values[i] - offset); returns the sum.
  public static func exponentials(
    _ values: UnsafePointer<Float>, minus offset: Float, _ result: UnsafeMutablePointer<Float>?,
    count: Int
  ) -> Float {
    var sum: Float = 0
    for index in 0..<count {
      let value = exp(values[index] - offset)
      result?[index] = value
      sum += value
    }
    return sum
  }

  /// values[i] = values[i] * scale - offset.
  public static func scaleAndShift(
    _ values: UnsafeMutablePointer<Float>, count: Int, by scale: Float, minus offset: Float
  ) {
    for index in 0..<count { values[index] = values[index] * scale - offset }
  }

  /// The sum of the squared differences, and its gradient.
  public static func squaredDifferences(
    _ output: UnsafePointer<Float>, _ target: UnsafePointer<Float>,
    _ gradient: UnsafeMutablePointer<Float>?, count: Int, scale: Float
  ) -> Double {
    var sum = 0.0
    for index in 0..<count {
      let difference = output[index] - target[index]
      gradient?[index] = scale * difference
      sum += Double(difference * difference)
    }
    return sum
  }

  /// The sum of the losses, how many outputs are right, and the gradient.
  public static func binaryCrossEntropy(
    _ output: UnsafePointer<Float>, _ target: UnsafePointer<Float>,
    _ gradient: UnsafeMutablePointer<Float>?, count: Int, scale: Float
  ) -> (loss: Double, right: Int) {
    var (loss, right) = (0.0, 0)
    for index in 0..<count {
      let (logit, wanted) = (output[index], target[index])
      let small = exp(-abs(logit))
      loss += Double(max(logit, 0) - wanted * logit + log1p(small))
      right += (logit > 0) == (wanted > 0.5) ? 1 : 0
      gradient?[index] = scale * ((logit >= 0 ? 1 : small) / (1 + small) - wanted)
    }
    return (loss, right)
  }
}
