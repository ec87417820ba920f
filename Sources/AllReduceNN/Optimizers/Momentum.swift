/// Gradient descent with momentum: v = momentum * v + g; w -= rate * v.
///
/// Nesterov's form looks ahead: w -= rate * (g + momentum * v). The learning rate is not part of the velocity, so a
/// schedule also scales what earlier steps added to the velocity. Weight decay is L2. Sutskever, Martens, Dahl and
/// Hinton, "On the importance of initialization and momentum in deep learning", 2013.
public struct Momentum: UpdateRule {
  /// The momentum coefficient: the factor of the velocity from one step to the next.
  package let momentum: Double
  /// Whether the rule uses Nesterov's form.
  package let isNesterov: Bool
  /// The weight decay coefficient.
  public let weightDecay: Double

  /// Creates the rule.
  ///
  /// - Parameters:
  ///   - momentum: The momentum coefficient, at least 0 and less than 1.
  ///   - nesterov: Whether to use Nesterov's form.
  ///   - weightDecay: The weight decay coefficient.
  public init(_ momentum: Double = 0.9, nesterov: Bool = false, weightDecay: Double = 0) {
    self.momentum = momentum
    isNesterov = nesterov
    self.weightDecay = weightDecay
  }

  /// The name and momentum of the rule, such as "momentum 0.9" or "nesterov 0.9".
  public var description: String { "\(isNesterov ? "nesterov" : "momentum") \(momentum)" }
  /// One vector, "momentum": the velocity.
  public var stateNames: [String] { ["momentum"] }
}

extension Momentum: FusedRule {
  package func pass(_ step: OptimizerStep) -> OptimizerKernel.Pass {
    var numbers = OptimizerKernel.Coefficients(step, weightDecay: weightDecay)
    numbers.keep = momentum
    return (isNesterov ? .nesterov : .momentum, numbers)
  }
}
