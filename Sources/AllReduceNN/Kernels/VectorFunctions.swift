/// Functions of many numbers at once: loops over memory that check nothing.
///
/// A result may take an operand's place; otherwise ranges do not overlap. Gradients are multiplied in
/// place. For `Float` these are C kernels for this processor, with the errors that `activations.h` states;
/// all processors give the same bits. For `Double` they are plain loops over the system's functions.
package protocol VectorFunctions<Scalar>: Sendable {
  associatedtype Scalar

  /// y = exp(x).
  func exponential(_ x: UnsafePointer<Scalar>, _ y: UnsafeMutablePointer<Scalar>, count: Int)
  /// y = tanh(x).
  func tanh(_ x: UnsafePointer<Scalar>, _ y: UnsafeMutablePointer<Scalar>, count: Int)
  /// y = 1 / (1 + exp(-x)).
  func sigmoid(_ x: UnsafePointer<Scalar>, _ y: UnsafeMutablePointer<Scalar>, count: Int)
  /// y = x P(x), where P is the normal distribution or its approximation by tanh.
  func gelu(
    _ x: UnsafePointer<Scalar>, _ y: UnsafeMutablePointer<Scalar>, count: Int, approximate: Bool)
  /// y = x, or slope x where x is negative.
  func rectify(
    _ x: UnsafePointer<Scalar>, _ y: UnsafeMutablePointer<Scalar>, count: Int, slope: Scalar)

  /// g = g (1 - y²).
  func tanhGradient(_ y: UnsafePointer<Scalar>, _ g: UnsafeMutablePointer<Scalar>, count: Int)
  /// g = g y (1 - y).
  func sigmoidGradient(_ y: UnsafePointer<Scalar>, _ g: UnsafeMutablePointer<Scalar>, count: Int)
  /// g = g (P(x) + x P'(x)).
  func geluGradient(
    _ x: UnsafePointer<Scalar>, _ g: UnsafeMutablePointer<Scalar>, count: Int, approximate: Bool)
  /// g = g, or slope g where y is not positive.
  func rectifyGradient(
    _ y: UnsafePointer<Scalar>, _ g: UnsafeMutablePointer<Scalar>, count: Int, slope: Scalar)

  /// y = x + z.
  func add(
    _ x: UnsafePointer<Scalar>, _ z: UnsafePointer<Scalar>, _ y: UnsafeMutablePointer<Scalar>,
    count: Int)
  /// The largest number; NaNs are passed over.
  func largest(_ x: UnsafePointer<Scalar>, count: Int) -> Scalar
  /// The sum of all.
  func sum(_ x: UnsafePointer<Scalar>, count: Int) -> Double
  /// y = exp(x - offset), unless nil; returns the sum of that.
  func exponentials(
    _ x: UnsafePointer<Scalar>, minus offset: Scalar, _ y: UnsafeMutablePointer<Scalar>?,
    count: Int
  ) -> Scalar
  /// x = x scale - offset.
  func scale(
    _ x: UnsafeMutablePointer<Scalar>, count: Int, by scale: Scalar, minus offset: Scalar)

  /// g = scale (x - t), unless nil; returns the sum of the squared differences.
  func squaredDifferences(
    _ x: UnsafePointer<Scalar>, _ t: UnsafePointer<Scalar>, _ g: UnsafeMutablePointer<Scalar>?,
    count: Int, scale: Scalar
  ) -> Double
  /// g = scale (sigmoid(x) - t), unless nil; returns the sum of log(1 + exp(x)) - t x, and how many x are
  /// on their target's side: positive where t is above 0.5.
  func binaryCrossEntropy(
    _ x: UnsafePointer<Scalar>, _ t: UnsafePointer<Scalar>, _ g: UnsafeMutablePointer<Scalar>?,
    count: Int, scale: Scalar
  ) -> (loss: Double, right: Int)

  /// y = x scale, or 0 where the mask drops the element.
  func drop(
    _ x: UnsafePointer<Scalar>, _ y: UnsafeMutablePointer<Scalar>, count: Int, mask: DropoutMask,
    example: Int, scale: Scalar)
}
