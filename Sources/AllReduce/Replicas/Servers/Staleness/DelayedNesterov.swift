internal import AllReduceNN

/// Nesterov's momentum, delayed until n gradients have arrived: each gradient moves the weights by 1/n of its step at
/// once, and after every n gradients their mean updates the velocity.
///
/// For each gradient g: S += g. At every n-th gradient: v = β * v + S / n, S = 0, w -= rate * (β * v + g / n). At every
/// other gradient: w -= rate * g / n.
final class DelayedNesterov<Scalar: NetworkScalar>: StalenessRule {
  private let momentum: Double
  private let every: Int
  private let memory: TensorMemory<Scalar>
  private let count: Int

  init(_ momentum: Double, every: Int, count: Int) {
    (self.momentum, self.every, self.count) = (momentum, every, count)
    memory = TensorMemory(count: 2 * count)
  }

  private var sum: UnsafeMutablePointer<Scalar> { memory.values.baseAddress.unsafelyUnwrapped }
  private var velocity: UnsafeMutablePointer<Scalar> { sum + count }

  var state: [(name: String, values: UnsafeMutableBufferPointer<Scalar>)] {
    [
      ("gradient_sum", UnsafeMutableBufferPointer(start: sum, count: count)),
      ("momentum", UnsafeMutableBufferPointer(start: velocity, count: count)),
    ]
  }

  func apply(_ push: ShardPush<Scalar>, to shard: ServedShard<Scalar>) {
    guard let weights = shard.weights.baseAddress else { return }
    let (rate, scale) = (push.step.learningRate, push.step.gradientScale)
    OptimizerKernel.subtract(push.values, times: -scale, from: sum, count: count)
    if (shard.version + 1) % every == 0 {
      var numbers = OptimizerKernel.Coefficients(scale: 1 / Double(every), rate: momentum * rate)
      numbers.keep = momentum
      OptimizerKernel.of(Scalar.self).update(
        .momentum, weights: weights, gradient: sum, first: velocity, count: count, numbers)
      sum.setToZero(count: count)
    }
    OptimizerKernel.subtract(
      push.values, times: rate * scale / Double(every), from: weights, count: count)
  }
}
