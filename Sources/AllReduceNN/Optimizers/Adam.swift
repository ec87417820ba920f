#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Adam: moves weights along a running mean of gradients, divided by the root of a running mean of their squares.
///
/// m = β₁ * m + (1 - β₁) * g; s = β₂ * s + (1 - β₂) * g²; w -= rate * m̂ / (√ŝ + epsilon), where m̂ = m / (1 - β₁ᵗ) and
/// ŝ = s / (1 - β₂ᵗ) at step t, since both means start at zero. Kingma and Ba, "Adam: a method for stochastic
/// optimization", 2015. Weight decay is L2. With `decoupled` it is AdamW's, w *= 1 - rate * decay, which bypasses the
/// division; Loshchilov and Hutter, "Decoupled weight decay regularization", 2019.
public struct Adam: UpdateRule {
  /// The decay rates of the two running means: β₁ for gradients, β₂ for their squares.
  package let betas: (Double, Double)
  /// A number added to the divisor.
  package let epsilon: Double
  /// The weight decay coefficient.
  public let weightDecay: Double
  /// Whether weight decay is decoupled, as in AdamW.
  package let isDecoupled: Bool

  /// Creates the rule.
  ///
  /// - Parameters:
  ///   - betas: The decay rates of the two running means, β₁ and β₂, each at least 0 and less than 1.
  ///   - epsilon: A number added to the divisor, more than 0.
  ///   - weightDecay: The weight decay coefficient.
  ///   - decoupled: Whether weight decay bypasses the division, as in AdamW.
  public init(
    betas: (Double, Double) = (0.9, 0.999), epsilon: Double = 1e-8, weightDecay: Double = 0,
    decoupled: Bool = false
  ) {
    precondition(
      betas.0 >= 0 && betas.0 < 1 && betas.1 >= 0 && betas.1 < 1,
      "betas must be at least 0 and less than 1, not \(betas)")
    precondition(epsilon > 0, "epsilon must be more than 0, not \(epsilon)")
    self.betas = betas
    self.epsilon = epsilon
    self.weightDecay = weightDecay
    isDecoupled = decoupled
  }

  /// The name of the rule, "adam" or "adamw".
  public var description: String { isDecoupled ? "adamw" : "adam" }
  /// Two vectors: "mean", the running mean of gradients, and "squares", that of their squares.
  public var stateNames: [String] { ["mean", "squares"] }
}

extension Adam: FusedRule {
  package func pass(_ step: OptimizerStep) -> OptimizerKernel.Pass {
    let decay = step.decays ? weightDecay : 0
    let (first, second) = betas
    var numbers = OptimizerKernel.Coefficients(
      scale: step.gradientScale,
      rate: step.learningRate / (1 - pow(first, Double(step.number))))
    numbers.decay = isDecoupled ? 0 : decay
    numbers.shrink = isDecoupled ? 1 - step.learningRate * decay : 1
    (numbers.keep, numbers.gain) = (first, 1 - first)
    (numbers.secondKeep, numbers.secondGain) = (second, 1 - second)
    numbers.root = 1 / (1 - pow(second, Double(step.number))).squareRoot()
    numbers.epsilon = epsilon
    numbers.streams = step.streams
    return (.adam, numbers)
  }
}

extension Adam {
  /// Creates AdamW: Adam with decoupled weight decay.
  ///
  /// - Parameter weightDecay: The weight decay coefficient.
  /// - Returns: The rule, with the default betas and epsilon.
  public static func decoupled(weightDecay: Double = 0.01) -> Adam {
    Adam(weightDecay: weightDecay, decoupled: true)
  }
}
