/// Layer-wise adaptive rate scaling: momentum whose rate is, for each parameter, in proportion to the
/// norm of its weights over that of its gradient.
///
/// factor = trust |w| / (|g| + decay |w|); v = momentum v + rate factor (g + decay w); w -= v. For
/// large batches. You, Gitman and Ginsburg, "Large batch training of convolutional networks", 2017.
/// Parameters that do not decay (biases, norms) take the plain rate, as those do whose norm is zero.
public struct LARS: UpdateRule {
  /// The momentum coefficient: how much of the velocity stays from step to step.
  package let momentum: Double
  /// The trust coefficient: the length of a step over that of the weights, at rate 1.
  package let trust: Double
  /// The weight decay coefficient.
  public let weightDecay: Double

  /// Creates the rule.
  ///
  /// - Parameters:
  ///   - momentum: The momentum coefficient, at least 0 and less than 1.
  ///   - trust: The length of a step over that of the weights, at rate 1.
  ///   - weightDecay: The weight decay coefficient.
  public init(momentum: Double = 0.9, trust: Double = 0.001, weightDecay: Double = 0) {
    self.momentum = momentum
    self.trust = trust
    self.weightDecay = weightDecay
  }

  /// "lars 0.9".
  public var description: String { "lars \(momentum)" }
  /// The velocity.
  public var stateNames: [String] { ["momentum"] }
  /// True: a parameter's rate depends on its norm and its gradient's.
  public var usesNorms: Bool { true }

  /// The factor above; 1 where a norm is zero.
  public func rateFactor(weightNorm: Double, gradientNorm: Double) -> Double {
    guard weightNorm > 0, gradientNorm > 0 else { return 1 }
    return trust * weightNorm / (gradientNorm + weightDecay * weightNorm)
  }
}

extension LARS: FusedRule {
  package func pass(_ step: OptimizerStep) -> OptimizerKernel.Pass {
    // The rate is within the velocity here: the kernel's own is 1.
    let rate = step.learningRate * step.rateFactor
    var numbers = OptimizerKernel.Coefficients(scale: rate * step.gradientScale, rate: 1)
    numbers.decay = step.decays ? rate * weightDecay : 0
    numbers.keep = momentum
    numbers.streams = step.streams
    return (.momentum, numbers)
  }
}
