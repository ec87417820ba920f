/// Loops of the losses over memory; they check nothing.
public protocol LossScalar: BLASScalar {
  /// The largest of some numbers; with `adding`, their sum too, else 0.
  static func sumOfRow(_ values: UnsafePointer<Self>, count: Int, adding: Bool)
    -> (largest: Self, sum: Double)

  /// result[i] = exp(values[i] - offset), for values up to the offset; the result may take the values'
  /// place, or be left out. Returns the sum of the results.
  static func exponentials(
    _ values: UnsafePointer<Self>, minus offset: Self, _ result: UnsafeMutablePointer<Self>?,
    count: Int
  ) -> Self

  /// values[i] = values[i] * scale - offset.
  static func scaleAndShift(
    _ values: UnsafeMutablePointer<Self>, count: Int, by scale: Self, minus offset: Self)

  /// gradient[i] = scale * (output[i] - target[i]), unless nil; returns the sum of the squared
  /// differences. The gradient may take the output's place.
  static func squaredDifferences(
    _ output: UnsafePointer<Self>, _ target: UnsafePointer<Self>,
    _ gradient: UnsafeMutablePointer<Self>?, count: Int, scale: Self
  ) -> Double

  /// gradient[i] = scale * (sigmoid(output[i]) - target[i]), unless nil; returns the sum of the losses
  /// and the number of outputs on their target's side. The gradient may take the output's place.
  static func binaryCrossEntropy(
    _ output: UnsafePointer<Self>, _ target: UnsafePointer<Self>,
    _ gradient: UnsafeMutablePointer<Self>?, count: Int, scale: Self
  ) -> (loss: Double, right: Int)
}
