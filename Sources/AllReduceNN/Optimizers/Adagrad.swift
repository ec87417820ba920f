/// Adagrad: each weight's rate falls with the squares of its gradients so far.
///
/// s += g²; w -= rate g / (√s + epsilon). Weight decay is L2. Duchi, Hazan and Singer, "Adaptive
/// subgradient methods for online learning and stochastic optimization", 2011.
public struct Adagrad<Scalar: NetworkScalar>: Optimizer {
  /// What is added to the divisor.
  public let epsilon: Double
  /// How strongly weights are pulled to zero.
  public let weightDecay: Double

  /// Creates the rule.
  ///
  /// - Parameters:
  ///   - epsilon: What is added to the divisor, more than 0.
  ///   - weightDecay: How strongly weights are pulled to zero.
  public init(epsilon: Double = 1e-10, weightDecay: Double = 0) {
    precondition(epsilon > 0, "epsilon must be more than 0, not \(epsilon)")
    self.epsilon = epsilon
    self.weightDecay = weightDecay
  }

  /// The sum of squares.
  public var stateNames: [String] { ["squares"] }

  /// Takes a step for a range of weights, in one pass over memory.
  public func update(
    weights: UnsafeMutablePointer<Scalar>, gradient: UnsafePointer<Scalar>,
    state: StateVectors<Scalar>, count: Int, step: OptimizerStep
  ) {
    let (rule, numbers) = pass(step)
    OptimizerKernel.of(Scalar.self).update(
      rule, weights: weights, gradient: gradient, first: state[0], count: count, numbers)
  }
}

extension Adagrad: PassOptimizer {
  func pass(_ step: OptimizerStep) -> OptimizerKernel.Pass {
    var numbers = OptimizerKernel.Coefficients(step, weightDecay: weightDecay)
    numbers.epsilon = epsilon
    return (.adagrad, numbers)
  }
}
