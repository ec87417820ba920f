/// An optimizer's rule, which updates weights by gradients in one pass over a range of flat memory: ``SGD``,
/// ``Momentum``, ``Adagrad``, ``Adam``, ``LARS``, or one of your own.
///
/// A rule is a value that holds settings only; its state between steps is kept by the `Optimizer`, which passes it in.
/// So a rank may update any part of the weights, in any pieces and any order: each element's result depends on that
/// element alone.
public protocol UpdateRule: Sendable, CustomStringConvertible {
  /// The names of the rule's state vectors, such as `["momentum"]`; each vector has one element per weight.
  var stateNames: [String] { get }

  /// The weight decay coefficient; 0 for no decay.
  var weightDecay: Double { get }

  /// Whether the rule needs the norm of each whole parameter and of its gradient before a step.
  var usesNorms: Bool { get }

  /// Returns the factor of a parameter's learning rate; called only if ``usesNorms`` is true.
  ///
  /// - Parameters:
  ///   - weightNorm: The Euclidean norm of the parameter's weights.
  ///   - gradientNorm: The Euclidean norm of the parameter's gradient, scaled by ``OptimizerStep/gradientScale``.
  /// - Returns: The value for ``OptimizerStep/rateFactor``.
  func rateFactor(weightNorm: Double, gradientNorm: Double) -> Double

  /// Takes a step for a range of weights. The optimizer calls this for one chunk of elements at a time, and your
  /// implementation loops over the elements; for speed, write one loop for `Float` and one for `Double`.
  ///
  /// - Parameters:
  ///   - weights: The weights of the range; changed in place.
  ///   - gradient: The gradient of the range, of the sum over the global batch.
  ///   - state: The rule's state for the range, one vector per name; zero before the first step.
  ///   - count: The number of weights in the range.
  ///   - step: The learning rate and the other settings of this step for the range.
  func update<Scalar: NetworkScalar>(
    weights: UnsafeMutablePointer<Scalar>, gradient: UnsafePointer<Scalar>,
    state: StateVectors<Scalar>, count: Int, step: OptimizerStep)
}

extension UpdateRule {
  /// The name of the type. The library's own rules add the settings that distinguish rules of the same type, except
  /// weight decay: "momentum 0.9". Checkpoints record the description, and only the same rule can resume from them.
  public var description: String { "\(Self.self)" }
  /// The number of state vectors that the rule keeps.
  package var vectorCount: Int { stateNames.count }
  /// False: the rule needs no norms.
  public var usesNorms: Bool { false }
  /// Returns 1 for all norms.
  public func rateFactor(weightNorm: Double, gradientNorm: Double) -> Double { 1 }
}

/// The settings of one step for a range of weights.
public struct OptimizerStep: Hashable, Sendable {
  /// The number of the step, from 1.
  public var number: Int
  /// The learning rate.
  public var learningRate: Double
  /// The factor of the gradients, which are sums over the global batch: 1 / the number of its examples, times the
  /// clipping factor.
  public var gradientScale: Double
  /// Whether weight decay applies to the range.
  public var decays: Bool
  /// The result of the rule's ``UpdateRule/rateFactor(weightNorm:gradientNorm:)`` for the range.
  public var rateFactor: Double
  /// Whether new weights should be written by stores that bypass the caches, since other processors' caches hold the
  /// old ones.
  package var streams = false
  /// The address of a flag that is set to 1 if a new weight is NaN or infinite; 0 for no flag.
  var notFinite: UInt = 0

  /// Creates the settings of a step.
  package init(
    number: Int, learningRate: Double, gradientScale: Double, decays: Bool = true,
    rateFactor: Double = 1
  ) {
    precondition(number >= 1, "steps count from 1, not from \(number)")
    self.number = number
    self.learningRate = learningRate
    self.gradientScale = gradientScale
    self.decays = decays
    self.rateFactor = rateFactor
  }
}

/// A rule's state vectors for a range of weights, at equal distances in memory.
public struct StateVectors<Scalar> {
  private let first: UnsafeMutablePointer<Scalar>
  private let distance: Int

  /// Creates a view of state vectors; each starts `distance` elements after the one before it.
  package init(first: UnsafeMutablePointer<Scalar>, distance: Int) {
    self.first = first
    self.distance = distance
  }

  /// A pointer to the first element of a state vector.
  public subscript(vector: Int) -> UnsafeMutablePointer<Scalar> { first + vector * distance }
}
