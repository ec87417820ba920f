/// A rule that turns gradients into better weights, as one pass over a range of flat memory: ``SGD``,
/// ``Momentum``, ``Adagrad``, ``Adam``, ``LARS``, or one of your own.
///
/// A rule is a value that holds settings only; what it remembers between steps is passed in, by the
/// `Optimizer` that keeps it. So a rank may update any part of the weights, in any pieces, in any
/// order: each element's result depends on that element alone.
public protocol UpdateRule: Sendable, CustomStringConvertible {
  /// What it remembers, a name for each vector as long as the weights: `["momentum"]`.
  var stateNames: [String] { get }

  /// How strongly weights are pulled to zero; 0 for not.
  var weightDecay: Double { get }

  /// Whether the rule wants the norms of each whole parameter and its gradient before a step.
  var usesNorms: Bool { get }

  /// What a parameter's learning rate is multiplied by, if ``usesNorms``.
  ///
  /// - Parameters:
  ///   - weightNorm: The Euclidean norm of the parameter.
  ///   - gradientNorm: That of its gradient, scaled by ``OptimizerStep/gradientScale``.
  /// - Returns: A factor for ``OptimizerStep/rateFactor``.
  func rateFactor(weightNorm: Double, gradientNorm: Double) -> Double

  /// Takes a step for a range of weights. A step calls it for a chunk of elements at a time, whose loop is
  /// yours: for speed, one for each of Float and Double.
  ///
  /// - Parameters:
  ///   - weights: The range; changed in place.
  ///   - gradient: Its gradient, of the sum over the global batch.
  ///   - state: What the rule remembers of the range, one vector a name; zero before the first step.
  ///   - count: The elements in the range.
  ///   - step: What holds for the range in this step.
  func update<Scalar: NetworkScalar>(
    weights: UnsafeMutablePointer<Scalar>, gradient: UnsafePointer<Scalar>,
    state: StateVectors<Scalar>, count: Int, step: OptimizerStep)
}

extension UpdateRule {
  /// The name of the type; with the settings that tell such rules apart, but for weight decay, in the library's
  /// own: "momentum 0.9". A state keeps it, and is resumed by the same rule only.
  public var description: String { "\(Self.self)" }
  /// The number of vectors that the rule remembers.
  package var vectorCount: Int { stateNames.count }
  /// False: a step needs no norms.
  public var usesNorms: Bool { false }
  /// 1, whatever the norms.
  public func rateFactor(weightNorm: Double, gradientNorm: Double) -> Double { 1 }
}

/// What holds for a range of weights in one step.
public struct OptimizerStep: Hashable, Sendable {
  /// The number of the step, from 1.
  public var number: Int
  /// How far to go.
  public var learningRate: Double
  /// What gradients are multiplied by: 1 over the examples of the global batch, since gradients are
  /// sums over it; times what clipping asks for.
  public var gradientScale: Double
  /// Whether weight decay applies to the range.
  public var decays: Bool
  /// What the rule's ``UpdateRule/rateFactor(weightNorm:gradientNorm:)`` gave for the range.
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

/// What a rule remembers of a range: vectors at equal distances in memory.
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
