internal import AllReduceMPI
internal import AllReduceNN

/// Every rank gets the sum of the gradients and updates all of its weights.
///
/// In a group of one rank, where there is nothing to sum, the optimizer's step for a weight may be taken while its
/// gradient is computed, tile by tile. The gradient is then never written to memory.
final class ReplicatedExchange<Scalar: NetworkScalar & ReducibleScalar>: GradientExchange {
  let groups: ParameterGroups
  let reduction: BucketedReduction<Scalar>
  let updates: [Optimizer<Scalar>]
  private let layout: ParameterLayout<Scalar>
  private let memory: ParameterMemory<Scalar>
  private let leastStepBytes = WeightStepLimit.leastBytes
  /// The optimizer's step, if weights may be updated during the current backward pass; nil otherwise.
  private var step: OptimizerStep?
  /// The parameters already updated during the current backward pass.
  private var updated: Set<ObjectIdentifier> = []

  init(_ site: ExchangeSite<Scalar>) throws {
    groups = site.groups
    layout = site.layout
    memory = site.memory
    reduction = try site.reduction(to: .everywhere)
    updates = [site.update(site.elements)]
  }

  func begin(_ step: OptimizerStep?) {
    self.step = groups.sum.size == 1 ? step : nil
    updated.removeAll(keepingCapacity: true)
    reduction.begin()
  }

  func weightStep(for parameter: Parameter<Scalar>) -> WeightStep<Scalar>? {
    let bytes = parameter.values.count * MemoryLayout<Scalar>.stride
    guard bytes >= leastStepBytes else { return nil }
    return step.flatMap { updates[0].weightStep(parameter, $0) }
  }

  func didUpdate(_ parameter: Parameter<Scalar>) { updated.insert(ObjectIdentifier(parameter)) }

  func measure(_ squares: UnsafeMutableBufferPointer<Double>) {
    memory.measure(updates[0], squares)
  }

  func update(_ step: OptimizerStep, isMeasured: Bool) {
    let update = updates[0]
    if updated.isEmpty { return memory.update(update.range, by: update, step) }
    for number in layout.parameters.indices {
      let elements = layout.ranges[number]
      if update.range.contains(elements.lowerBound),
        !updated.contains(ObjectIdentifier(layout.parameters[number]))
      {
        memory.update(elements, by: update, step)
      }
    }
  }
}
