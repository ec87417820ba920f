/// Stochastic gradient descent: w -= rate * g.
///
/// Weight decay is L2: decay * w is added to the gradient g.
public struct SGD: UpdateRule {
  /// The weight decay coefficient.
  public let weightDecay: Double

  /// Creates the rule.
  ///
  /// - Parameter weightDecay: The weight decay coefficient.
  public init(weightDecay: Double = 0) { self.weightDecay = weightDecay }

  /// The name of the rule, "sgd".
  public var description: String { "sgd" }
  /// Empty: the rule keeps no state between steps.
  public var stateNames: [String] { [] }
}

extension SGD: FusedRule {
  package func pass(_ step: OptimizerStep) -> OptimizerKernel.Pass {
    (.sgd, OptimizerKernel.Coefficients(step, weightDecay: weightDecay))
  }
}
