package import CKernels

/// The fused passes of the optimizers for one type of numbers: see `optimizers.h`.
package struct OptimizerKernel: @unchecked Sendable {
  /// The pass.
  package enum Rule: Sendable, CaseIterable {
    case sgd, momentum, nesterov, adagrad, adam

    /// How many vectors it keeps between steps.
    var vectors: Int {
      switch self {
      case .sgd: 0
      case .momentum, .nesterov, .adagrad: 1
      case .adam: 2
      }
    }
  }

  /// The numbers of a pass; see `ck_update`.
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
    /// Whether new weights are stored past the caches; see `ck_stream`.
    package var streams = false
    /// Where it is noted that a new weight is NaN or infinite; 0 for nowhere. An address, which any thread may
    /// have.
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

    /// The numbers of a step, with weight decay where it applies.
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

  /// A rule with its numbers.
  package typealias Pass = (rule: Rule, numbers: Coefficients)

  /// Constant memory.
  private let table: UnsafePointer<ck_optimizers>

  /// The passes over numbers of a type at a level that this processor has.
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

  /// The passes over numbers of a type, at the highest level of this processor.
  package static func of<Scalar: NetworkScalar>(_ type: Scalar.Type) -> OptimizerKernel {
    precondition(
      type == Float.self || type == Double.self, "no optimizer pass exists for \(type)")
    return type == Float.self ? float : double
  }

  /// One pass of a rule; no other thread may use the memory during it, and ranges do not overlap.
  package func update(
    _ rule: Rule, weights: UnsafeMutableRawPointer, gradient: UnsafeRawPointer,
    first: UnsafeMutableRawPointer? = nil, second: UnsafeMutableRawPointer? = nil, count: Int,
    _ numbers: Coefficients
  ) {
    var how = numbers.kernel
    var block = ck_block(rows: 1, columns: count, step: 0, gradient_step: 0)
    function(rule)(weights, gradient, first, second, &block, &how)
  }

  /// A pass over a matrix of weights for loops that compute its gradient.
  func step(
    _ pass: Pass, weights: UnsafeMutableRawPointer, first: UnsafeMutableRawPointer?,
    second: UnsafeMutableRawPointer?
  ) -> ck_step {
    ck_step(
      update: function(pass.rule), how: pass.numbers.kernel, weights: weights,
      first: first, second: second)
  }

  /// The sum of squares of a range, added up in Double.
  package func sumOfSquares(_ values: UnsafeRawPointer, count: Int) -> Double {
    table.pointee.sum_of_squares(values, count)
  }
}

/// A rule that is one of the kernel's passes: all of the library's own.
package protocol FusedRule: UpdateRule {
  /// The pass of a step.
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
