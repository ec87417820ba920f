/// Stochastic gradient descent: w -= rate g.
///
/// Weight decay is L2: it is added to the gradient, g + decay w.
public struct SGD<Scalar: NetworkScalar>: Optimizer {
  /// How strongly weights are pulled to zero.
  public let weightDecay: Double

  /// Creates the rule.
  ///
  /// - Parameter weightDecay: How strongly weights are pulled to zero.
  public init(weightDecay: Double = 0) { self.weightDecay = weightDecay }

  /// Nothing.
  public var stateNames: [String] { [] }

  /// Takes a step for a range of weights, in one pass over memory.
  public func update(
    weights: UnsafeMutablePointer<Scalar>, gradient: UnsafePointer<Scalar>,
    state: StateVectors<Scalar>, count: Int, step: OptimizerStep
  ) {
    let (rule, numbers) = pass(step)
    OptimizerKernel.of(Scalar.self).update(
      rule, weights: weights, gradient: gradient, count: count, numbers)
  }
}

extension SGD: PassOptimizer {
  func pass(_ step: OptimizerStep) -> OptimizerKernel.Pass {
    (.sgd, OptimizerKernel.Coefficients(step, weightDecay: weightDecay))
  }
}
