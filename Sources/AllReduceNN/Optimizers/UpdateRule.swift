/// An optimizer's rule, which updates weights by gradients in one pass over a range of flat memory: ``SGD``,
/// ``Momentum``, ``Adagrad``, ``Adam``, ``LARS``, or one of your own.
///
/// A rule is a value that holds settings only; its state between steps is passed in, by the
/// `Optimizer` that keeps it. So a rank may update any part of the weights, in any pieces, in any
/// order: each element's result depends on that element alone.
public protocol UpdateRule: Sendable, CustomStringConvertible {
  /// The names of its state, one for each vector as long as the weights: `["momentum"]`.
  var stateNames: [String] { get }

  /// The weight decay coefficient; 0 for no decay.
  var weightDecay: Double { get }

  /// Whether the rule needs the norms of each whole parameter and its gradient before a step.
  var usesNorms: Bool { get }

  /// The factor of a parameter's learning rate, if ``usesNorms``.
  ///
  /// - Parameters:
  ///   - weightNorm: The Euclidean norm of the parameter.
  ///   - gradientNorm: The norm of its gradient, scaled by ``OptimizerStep/gradientScale``.
  /// - Returns: A factor for ``OptimizerStep/rateFactor``.
  func rateFactor(weightNorm: Double, gradientNorm: Double) -> Double

  /// Takes a step for a range of weights. A step calls it for a chunk of elements at a time, whose loop is
  /// yours: for speed, one for each of Float and Double.
  ///
  /// - Parameters:
  ///   - weights: The range; changed in place.
  ///   - gradient: Its gradient, of the sum over the global batch.
  ///   - state: The rule's state for the range, one vector a name; zero before the first step.
  ///   - count: The elements in the range.
  ///   - step: The learning rate and the other settings of this step for the range.
  func update<Scalar: NetworkScalar>(
    weights: UnsafeMutablePointer<Scalar>, gradient: UnsafePointer<Scalar>,
    state: StateVectors<Scalar>, count: Int, step: OptimizerStep)
}

extension UpdateRule {
  /// The name of the type; in the library's own rules also the settings that distinguish rules of the type, except
  /// weight decay: "momentum 0.9". A state keeps it, and can be resumed only by the same rule.
  public var description: String { "\(Self.self)" }
  /// The number of vectors of the rule's state.
  package var vectorCount: Int { stateNames.count }
  /// False: a step needs no norms.
  public var usesNorms: Bool { false }
  /// 1, whatever the norms.
  public func rateFactor(weightNorm: Double, gradientNorm: Double) -> Double { 1 }
}

/// The settings of one step for a range of weights.
public struct OptimizerStep: Hashable, Sendable {
  /// The number of the step, from 1.
  public var number: Int
  /// The learning rate.
  public var learningRate: Double
  /// The factor of gradients: 1 over the examples of the global batch, since gradients are sums over it; times the
  /// clipping factor.
  public var gradientScale: Double
  /// Whether weight decay applies to the range.
  public var decays: Bool
  /// The result of the rule's ``UpdateRule/rateFactor(weightNorm:gradientNorm:)`` for the range.
  public var rateFactor: Double
  /// Whether new weights should be stored past the caches, since other processors hold the old ones.
  package var streams = false
  /// Where it is noted that a new weight is NaN or infinite; 0 for nowhere.
  var notFinite: UInt = 0

  /// Describes a step.
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

/// A rule's state for a range: vectors at equal distances in memory.
public struct StateVectors<Scalar> {
  private let first: UnsafeMutablePointer<Scalar>
  private let distance: Int

  /// Views vectors, each `distance` elements after the one before it.
  package init(first: UnsafeMutablePointer<Scalar>, distance: Int) {
    self.first = first
    self.distance = distance
  }

  /// Where a vector starts.
  public subscript(vector: Int) -> UnsafeMutablePointer<Scalar> { first + vector * distance }
}
