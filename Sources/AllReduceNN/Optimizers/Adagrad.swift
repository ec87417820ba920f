/// Adagrad: each weight's learning rate falls as the squares of its gradients add up.
///
/// s += g²; w -= rate * g / (√s + epsilon). Weight decay is L2. Duchi, Hazan and Singer, "Adaptive subgradient methods
/// for online learning and stochastic optimization", 2011.
public struct Adagrad: UpdateRule {
  /// A number added to the divisor.
  package let epsilon: Double
  /// The weight decay coefficient.
  public let weightDecay: Double

  /// Creates the rule.
  ///
  /// - Parameters:
  ///   - epsilon: A number added to the divisor, more than 0.
  ///   - weightDecay: The weight decay coefficient.
  public init(epsilon: Double = 1e-10, weightDecay: Double = 0) {
    precondition(epsilon > 0, "epsilon must be more than 0, not \(epsilon)")
    self.epsilon = epsilon
    self.weightDecay = weightDecay
  }

  /// The name of the rule, "adagrad".
  public var description: String { "adagrad" }
  /// One vector, "squares": the sum of squared gradients.
  public var stateNames: [String] { ["squares"] }
}

extension Adagrad: FusedRule {
  package func pass(_ step: OptimizerStep) -> OptimizerKernel.Pass {
    var numbers = OptimizerKernel.Coefficients(step, weightDecay: weightDecay)
    numbers.epsilon = epsilon
    return (.adagrad, numbers)
  }
}
