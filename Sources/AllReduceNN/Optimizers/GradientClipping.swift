/// Clips gradients to a global norm: scales the whole gradient down where its norm is larger.
///
/// The norm is that of the whole gradient, as one vector, of the mean over the global batch. Pascanu,
/// Mikolov and Bengio, "On the difficulty of training recurrent neural networks", 2013.
public struct GradientClipping: Hashable, Sendable {
  /// The longest norm that is left as it is.
  package let maximumNorm: Double

  /// Clips gradients to this global norm.
  public init(maximumNorm: Double) {
    precondition(maximumNorm > 0, "the largest norm must be more than 0, not \(maximumNorm)")
    self.maximumNorm = maximumNorm
  }

  /// The scale of a step with the clipping in it.
  ///
  /// - Parameters:
  ///   - sumOfSquares: The sum of squares of all gradients, which are of the sum over the batch; parts' sums add up.
  ///   - gradientScale: The scale without clipping, 1 over the examples.
  /// - Returns: The value for ``OptimizerStep/gradientScale``; nil if the gradient has elements that
  ///   are not finite: such a step is better skipped.
  package func scale(sumOfSquares: Double, gradientScale: Double) -> Double? {
    let norm = sumOfSquares.squareRoot() * gradientScale
    guard norm.isFinite else { return nil }
    return norm > maximumNorm ? gradientScale * (maximumNorm / norm) : gradientScale
  }
}
