#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// How the learning rate changes over the steps of a run. Schedules nest: a warm-up leads into another schedule.
///
/// ```swift
/// // Goyal et al.: from 0.1 up to 1.6 over 500 steps, then a tenth after 30,000 and 60,000.
/// let schedule = LearningRateSchedule.warmUp(
///   from: 0.1, over: 500, then: .stepwise(1.6, factor: 0.1, after: [30_000, 60_000]))
/// ```
public indirect enum LearningRateSchedule: Hashable, Sendable {
  /// A constant rate.
  case constant(Double)
  /// A rate that is multiplied by `factor` after each of these numbers of steps.
  case stepwise(Double, factor: Double, after: [Int])
  /// Half a cosine from one rate down to another over this many steps; the second rate from then on.
  /// Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017.
  case cosine(from: Double, to: Double = 0, over: Int)
  /// A linear warm-up over this many steps, from a rate to the first rate of another schedule. That schedule takes over
  /// afterwards and counts its own steps from 0. With `from` 0, the first step changes no weights.
  case warmUp(from: Double = 0, over: Int, then: LearningRateSchedule)

  /// Returns the learning rate of one step.
  ///
  /// - Parameter step: The number of steps completed before this one: it counts from 0, unlike
  ///   ``OptimizerStep/number``.
  /// - Returns: The learning rate.
  package func rate(afterSteps step: Int) -> Double {
    switch self {
    case .constant(let rate): return rate
    case .stepwise(let rate, let factor, let milestones):
      return rate * pow(factor, Double(milestones.count { $0 <= step }))
    case .cosine(let first, let last, let count):
      guard step < count else { return last }
      let part = Double(max(step, 0)) / Double(count)
      return last + (first - last) * (1 + cos(Double.pi * part)) / 2
    case .warmUp(let first, let count, let next):
      guard step < count else { return next.rate(afterSteps: step - count) }
      return first + (next.rate(afterSteps: 0) - first) * Double(step) / Double(count)
    }
  }

  /// Scales a learning rate in proportion to the batch size.
  ///
  /// This is the linear scaling rule of Goyal et al., "Accurate, large minibatch SGD: training ImageNet in 1 hour",
  /// 2017; use it with a warm-up from the unscaled rate.
  ///
  /// - Parameters:
  ///   - rate: The rate that is right for a batch of `reference` examples.
  ///   - batchSize: The number of examples in the global batch, over all ranks.
  ///   - reference: The batch size at which `rate` was found.
  /// - Returns: The scaled rate.
  package static func scaled(_ rate: Double, batchSize: Int, reference: Int = 256) -> Double {
    rate * Double(batchSize) / Double(reference)
  }
}
