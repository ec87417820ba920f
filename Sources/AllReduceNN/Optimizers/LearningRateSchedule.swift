#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// How the learning rate changes over the steps of a run; schedules are made of schedules.
///
/// ```swift
/// // Goyal et al.: from 0.1 up to 1.6 over 500 steps, then a tenth after 30,000 and 60,000.
/// let schedule = LearningRateSchedule.warmUp(
///   from: 0.1, over: 500, then: .stepwise(1.6, factor: 0.1, after: [30_000, 60_000]))
/// ```
public indirect enum LearningRateSchedule: Hashable, Sendable {
  /// A constant rate.
  case constant(Double)
  /// A rate that is multiplied by a factor after each of these numbers of steps.
  case stepwise(Double, factor: Double, after: [Int])
  /// Half a cosine from one rate down to another over this many steps, then that rate.
  /// Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017.
  case cosine(from: Double, to: Double = 0, over: Int)
  /// A straight line from a rate to the first one of another schedule, which begins after this many
  /// steps and counts its own from there. From 0, the first step moves nothing.
  case warmUp(from: Double = 0, over: Int, then: LearningRateSchedule)

  /// The rate of a step.
  ///
  /// - Parameter step: How many steps have been done before; unlike ``OptimizerStep/number``, from 0.
  /// - Returns: The rate.
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

  /// The rate for a batch of a different size: in proportion to it.
  ///
  /// The linear scaling rule of Goyal et al., "Accurate, large minibatch SGD: training ImageNet in 1
  /// hour", 2017; use it with a warm-up from the unscaled rate.
  ///
  /// - Parameters:
  ///   - rate: The rate that is right for a batch of `reference` examples.
  ///   - batchSize: The global batch, over all ranks.
  ///   - reference: The batch that the rate was found with.
  /// - Returns: The scaled rate.
  package static func scaled(_ rate: Double, batchSize: Int, reference: Int = 256) -> Double {
    rate * Double(batchSize) / Double(reference)
  }
}
