internal import CKernels

/// An optimizer's step for one weight, for the product that computes its gradient: weights change tile by
/// tile, and the gradient is never written to memory.
package struct WeightStep<Scalar: NetworkScalar> {
  let kernel: ck_step
}

extension Optimizer {
  /// The step for one parameter, for the product that computes its gradient; the same bits as an update after it.
  ///
  /// - Parameters:
  ///   - parameter: One of the layout's, with memory.
  ///   - step: The step's settings; its scale has to be known before the gradient is.
  /// - Returns: Nil if the rule needs more than the gradient of an element, such as norms, or the
  ///   parameter is not all updated here.
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
