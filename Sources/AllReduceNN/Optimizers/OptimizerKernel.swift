package import CKernels

/// The passes over memory that apply update rules to weights of one scalar type: see `optimizers.h`.
package struct OptimizerKernel: @unchecked Sendable {
  /// The update rule that a pass applies.
  package enum Rule: Sendable, CaseIterable {
    case sgd, momentum, nesterov, adagrad, adam

    /// The number of state vectors that the rule keeps between steps.
    var vectors: Int {
      switch self {
      case .sgd: 0
      case .momentum, .nesterov, .adagrad: 1
      case .adam: 2
      }
    }
  }

  /// The coefficients of a pass; see `ck_update`.
  package struct Coefficients: Sendable {
    package var scale: Double
    package var decay = 0.0
    package var shrink = 1.0
    package var keep = 0.0
    package var gain = 1.0
    package var secondKeep = 0.0
    package var secondGain = 1.0
    package var rate: Double
    package var root = 1.0
    package var epsilon = 0.0
    /// Whether new weights are written by stores that bypass the caches; see `ck_stream`.
    package var streams = false
    /// The address of a flag that is set to 1 if a new weight is NaN or infinite; 0 for no flag. It is an integer, not
    /// a pointer, so that the type is `Sendable`.
    package var notFinite: UInt = 0

    package init(scale: Double, rate: Double) {
      self.scale = scale
      self.rate = rate
    }

    fileprivate var kernel: ck_update {
      ck_update(
        scale: scale, decay: decay, shrink: shrink, keep: keep, gain: gain,
        second_keep: secondKeep, second_gain: secondGain, rate: rate, root: root, epsilon: epsilon,
        streams: streams ? 1 : 0, not_finite: UnsafeMutablePointer(bitPattern: notFinite))
    }

    /// Creates the coefficients of a step, with weight decay if it applies.
    init(_ step: OptimizerStep, weightDecay: Double) {
      self.init(scale: step.gradientScale, rate: step.learningRate)
      if step.decays { decay = weightDecay }
      (streams, notFinite) = (step.streams, step.notFinite)
    }
  }

  private typealias Update =
    @convention(c) (
      UnsafeMutableRawPointer?, UnsafeRawPointer?, UnsafeMutableRawPointer?,
      UnsafeMutableRawPointer?, UnsafePointer<ck_block>?, UnsafePointer<ck_update>?
    ) -> Void

  /// A rule with the coefficients of a pass.
  package typealias Pass = (rule: Rule, numbers: Coefficients)

  /// The table of C functions, in constant memory.
  private let table: UnsafePointer<ck_optimizers>

  /// Creates the passes for a scalar type at a processor level, which this processor must have.
  package init<Scalar: NetworkScalar>(_ type: Scalar.Type, _ level: ProcessorLevel) {
    table = ck_optimizers_at(level, Int32(type == Float.self ? CK_FLOAT : CK_DOUBLE))!
  }

  private static let float = OptimizerKernel(Float.self, .current)
  private static let double = OptimizerKernel(Double.self, .current)

  private func function(_ rule: Rule) -> Update {
    switch rule {
    case .sgd: table.pointee.sgd
    case .momentum: table.pointee.momentum
    case .nesterov: table.pointee.nesterov
    case .adagrad: table.pointee.adagrad
    case .adam: table.pointee.adam
    }
  }

  /// Returns the passes for a scalar type at the highest level of this processor.
  package static func of<Scalar: NetworkScalar>(_ type: Scalar.Type) -> OptimizerKernel {
    precondition(
      type == Float.self || type == Double.self, "no optimizer pass exists for \(type)")
    return type == Float.self ? float : double
  }

  /// Applies a rule to `count` weights in one pass. No other thread may use the memory meanwhile; the ranges must not
  /// overlap.
  package func update(
    _ rule: Rule, weights: UnsafeMutableRawPointer, gradient: UnsafeRawPointer,
    first: UnsafeMutableRawPointer? = nil, second: UnsafeMutableRawPointer? = nil, count: Int,
    _ numbers: Coefficients
  ) {
    var how = numbers.kernel
    var block = ck_block(rows: 1, columns: count, step: 0, gradient_step: 0)
    function(rule)(weights, gradient, first, second, &block, &how)
  }

  /// Returns the description of a pass over a matrix of weights, for the C loops that compute the matrix's gradient.
  func step(
    _ pass: Pass, weights: UnsafeMutableRawPointer, first: UnsafeMutableRawPointer?,
    second: UnsafeMutableRawPointer?
  ) -> ck_step {
    ck_step(
      update: function(pass.rule), how: pass.numbers.kernel, weights: weights,
      first: first, second: second)
  }

  /// Returns the sum of the squares of `count` values, added up in Double.
  package func sumOfSquares(_ values: UnsafeRawPointer, count: Int) -> Double {
    table.pointee.sum_of_squares(values, count)
  }
}

/// An update rule that is one of the passes of ``OptimizerKernel``, as all of the library's own rules are.
package protocol FusedRule: UpdateRule {
  /// Returns the kernel's rule and coefficients for a step.
  func pass(_ step: OptimizerStep) -> OptimizerKernel.Pass
}

extension FusedRule {
  /// Takes a step for a range of weights, in one pass over memory.
  public func update<Scalar: NetworkScalar>(
    weights: UnsafeMutablePointer<Scalar>, gradient: UnsafePointer<Scalar>,
    state: StateVectors<Scalar>, count: Int, step: OptimizerStep
  ) {
    let (rule, numbers) = pass(step)
    OptimizerKernel.of(Scalar.self).update(
      rule, weights: weights, gradient: gradient, first: rule.vectors > 0 ? state[0] : nil,
      second: rule.vectors > 1 ? state[1] : nil, count: count, numbers)
  }
}
