/// Clips gradients by global norm: scales the whole gradient down if its norm exceeds a maximum.
///
/// The norm is the Euclidean norm of the whole gradient, as one vector, of the mean over the global batch. Pascanu,
/// Mikolov and Bengio, "On the difficulty of training recurrent neural networks", 2013.
public struct GradientClipping: Hashable, Sendable {
  /// The largest norm that is not clipped.
  package let maximumNorm: Double

  /// Creates a setting that clips gradients to this global norm.
  public init(maximumNorm: Double) {
    precondition(maximumNorm > 0, "the largest norm must be more than 0, not \(maximumNorm)")
    self.maximumNorm = maximumNorm
  }

  /// Computes the gradient scale of a step, clipping included.
  ///
  /// - Parameters:
  ///   - sumOfSquares: The sum of the squares of all gradients, which are of the sum over the global batch. Sums over
  ///     parts of the gradient can be added up to get it.
  ///   - gradientScale: The scale without clipping: 1 / the number of examples.
  /// - Returns: The value for ``OptimizerStep/gradientScale``; nil if the gradient's norm is NaN or infinite, in which
  ///   case the step is better skipped.
  package func scale(sumOfSquares: Double, gradientScale: Double) -> Double? {
    let norm = sumOfSquares.squareRoot() * gradientScale
    guard norm.isFinite else { return nil }
    return norm > maximumNorm ? gradientScale * (maximumNorm / norm) : gradientScale
  }
}
