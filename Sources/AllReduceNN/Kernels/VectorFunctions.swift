/// Functions of many numbers at a time: loops over memory that check nothing.
///
/// A result may overwrite an operand; otherwise ranges must not overlap. The gradient functions multiply g in place.
/// For `Float` these are C kernels for this processor, with the error bounds that `activations.h` states; all
/// processors give the same bits. For `Double` they are plain loops over the system's functions.
package protocol VectorFunctions<Scalar>: Sendable {
  associatedtype Scalar

  /// Computes y = exp(x).
  func exponential(_ x: UnsafePointer<Scalar>, _ y: UnsafeMutablePointer<Scalar>, count: Int)
  /// Computes y = tanh(x).
  func tanh(_ x: UnsafePointer<Scalar>, _ y: UnsafeMutablePointer<Scalar>, count: Int)
  /// Computes y = 1 / (1 + exp(-x)).
  func sigmoid(_ x: UnsafePointer<Scalar>, _ y: UnsafeMutablePointer<Scalar>, count: Int)
  /// Computes y = x * P(x), where P is the cumulative distribution function of the standard normal, or its
  /// approximation by tanh.
  func gelu(
    _ x: UnsafePointer<Scalar>, _ y: UnsafeMutablePointer<Scalar>, count: Int, approximate: Bool)
  /// Computes y = x, or slope * x where x is negative.
  func rectify(
    _ x: UnsafePointer<Scalar>, _ y: UnsafeMutablePointer<Scalar>, count: Int, slope: Scalar)

  /// Computes g = g * (1 - y²), where y = tanh(x).
  func tanhGradient(_ y: UnsafePointer<Scalar>, _ g: UnsafeMutablePointer<Scalar>, count: Int)
  /// Computes g = g * y * (1 - y), where y = sigmoid(x).
  func sigmoidGradient(_ y: UnsafePointer<Scalar>, _ g: UnsafeMutablePointer<Scalar>, count: Int)
  /// Computes g = g * (P(x) + x * P'(x)), where P is that of ``gelu(_:_:count:approximate:)``.
  func geluGradient(
    _ x: UnsafePointer<Scalar>, _ g: UnsafeMutablePointer<Scalar>, count: Int, approximate: Bool)
  /// Computes g = slope * g where y is not positive; y is the result of ``rectify(_:_:count:slope:)``.
  func rectifyGradient(
    _ y: UnsafePointer<Scalar>, _ g: UnsafeMutablePointer<Scalar>, count: Int, slope: Scalar)

  /// Computes y = x + z.
  func add(
    _ x: UnsafePointer<Scalar>, _ z: UnsafePointer<Scalar>, _ y: UnsafeMutablePointer<Scalar>,
    count: Int)
  /// Returns the largest number; NaNs are ignored.
  func largest(_ x: UnsafePointer<Scalar>, count: Int) -> Scalar
  /// Returns the sum of all numbers.
  func sum(_ x: UnsafePointer<Scalar>, count: Int) -> Double
  /// Computes y = exp(x - offset), unless y is nil, and returns the sum of these exponentials.
  func exponentials(
    _ x: UnsafePointer<Scalar>, minus offset: Scalar, _ y: UnsafeMutablePointer<Scalar>?,
    count: Int
  ) -> Scalar
  /// Computes x = x * scale - offset, in place.
  func scale(
    _ x: UnsafeMutablePointer<Scalar>, count: Int, by scale: Scalar, minus offset: Scalar)

  /// Computes g = scale * (x - t), unless g is nil, and returns the sum of the squared differences (x - t)².
  func squaredDifferences(
    _ x: UnsafePointer<Scalar>, _ t: UnsafePointer<Scalar>, _ g: UnsafeMutablePointer<Scalar>?,
    count: Int, scale: Scalar
  ) -> Double
  /// Computes g = scale * (sigmoid(x) - t), unless g is nil. Returns the sum of log(1 + exp(x)) - t * x, and the number
  /// of x that are on their target's side: positive exactly where t is above 0.5.
  func binaryCrossEntropy(
    _ x: UnsafePointer<Scalar>, _ t: UnsafePointer<Scalar>, _ g: UnsafeMutablePointer<Scalar>?,
    count: Int, scale: Scalar
  ) -> (loss: Double, right: Int)

  /// Computes y = x * scale, or 0 where the mask drops the element.
  func drop(
    _ x: UnsafePointer<Scalar>, _ y: UnsafeMutablePointer<Scalar>, count: Int, mask: DropoutMask,
    example: Int, scale: Scalar)
}
