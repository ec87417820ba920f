internal import CKernels

/// An optimizer's step for one weight, which the matrix product that computes the weight's gradient applies: the weight
/// is updated tile by tile, and the gradient is never written to memory.
package struct WeightStep<Scalar: NetworkScalar> {
  let kernel: ck_step
}

/// Which weights are updated while their gradient is computed.
package enum WeightStepLimit {
  /// The smallest number of bytes of a weight that is updated while its gradient is computed. A smaller gradient stays
  /// in the caches, where a step over the whole gradient is a few percent faster. Tests set it to 0, to train small
  /// networks so.
  @TaskLocal package static var leastBytes = 4 << 20
}

extension Optimizer {
  /// Returns a parameter's step for the matrix product that computes its gradient. The new weights have the same bits
  /// as after a separate update.
  ///
  /// - Parameters:
  ///   - parameter: A parameter of the layout, bound to memory.
  ///   - step: The settings of the step; its gradient scale must be known before the gradient is.
  /// - Returns: The step; nil if the rule needs more than an element's own gradient, such as norms, or if this
  ///   optimizer does not update the whole parameter.
  package func weightStep(
    _ parameter: Parameter<Scalar>, _ step: OptimizerStep
  ) -> WeightStep<Scalar>? {
    guard !rule.usesNorms, let rule = fused else { return nil }
    var number = 0
    while number < layout.parameters.count, layout.parameters[number] !== parameter { number += 1 }
    guard number < layout.parameters.count else { return nil }
    let elements = layout.ranges[number]
    guard elements.clamped(to: range) == elements else { return nil }
    var step = noting(step)
    step.decays = parameter.decays
    let state = vectors(from: elements.lowerBound)
    let pass = rule.pass(step)
    return WeightStep(
      kernel: OptimizerKernel.of(Scalar.self).step(
        pass, weights: parameter.values.base, first: pass.rule.vectors > 0 ? state[0] : nil,
        second: pass.rule.vectors > 1 ? state[1] : nil))
  }
}
