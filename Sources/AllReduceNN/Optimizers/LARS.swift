/// Layer-wise adaptive rate scaling (LARS): momentum with a learning rate for each parameter that is proportional to
/// the norm of its weights divided by the norm of its gradient.
///
/// factor = trust * |w| / (|g| + decay * |w|); v = momentum * v + rate * factor * (g + decay * w); w -= v. For large
/// batches. You, Gitman and Ginsburg, "Large batch training of convolutional networks", 2017. The factor is 1 for
/// parameters without weight decay (biases, norms) and for those whose weights or gradient have norm zero.
public struct LARS: UpdateRule {
  /// The momentum coefficient: the factor of the velocity from one step to the next.
  package let momentum: Double
  /// The trust coefficient: the norm of a step divided by the norm of the weights, at learning rate 1.
  package let trust: Double
  /// The weight decay coefficient.
  public let weightDecay: Double

  /// Creates the rule.
  ///
  /// - Parameters:
  ///   - momentum: The momentum coefficient, at least 0 and less than 1.
  ///   - trust: The norm of a step divided by the norm of the weights, at learning rate 1.
  ///   - weightDecay: The weight decay coefficient.
  public init(momentum: Double = 0.9, trust: Double = 0.001, weightDecay: Double = 0) {
    self.momentum = momentum
    self.trust = trust
    self.weightDecay = weightDecay
  }

  /// The name and momentum of the rule, such as "lars 0.9".
  public var description: String { "lars \(momentum)" }
  /// One vector, "momentum": the velocity.
  public var stateNames: [String] { ["momentum"] }
  /// True: a parameter's learning rate depends on its norm and on its gradient's norm.
  public var usesNorms: Bool { true }

  /// Returns trust * weightNorm / (gradientNorm + decay * weightNorm), or 1 if either norm is zero.
  public func rateFactor(weightNorm: Double, gradientNorm: Double) -> Double {
    guard weightNorm > 0, gradientNorm > 0 else { return 1 }
    return trust * weightNorm / (gradientNorm + weightDecay * weightNorm)
  }
}

extension LARS: FusedRule {
  package func pass(_ step: OptimizerStep) -> OptimizerKernel.Pass {
    // The velocity contains the rate, so the kernel's own rate is 1.
    let rate = step.learningRate * step.rateFactor
    var numbers = OptimizerKernel.Coefficients(scale: rate * step.gradientScale, rate: 1)
    numbers.decay = step.decays ? rate * weightDecay : 0
    numbers.keep = momentum
    numbers.streams = step.streams
    return (.momentum, numbers)
  }
}
