internal import AllReduceMPI
internal import AllReduceNN

/// Corrects a stale gradient g for the change of the weights since the worker read them, from w' to w: adds λ g ⊙ g ⊙
/// (w - w').
final class DelayCompensation<Scalar: NetworkScalar & ReducibleScalar>: StalenessRule {
  private let factor: Double
  /// The running mean squares of the gradients; nil for a constant factor.
  private let squares: TensorMemory<Scalar>?
  /// For each worker, the weights that it has read.
  private var read: [Int: TensorMemory<Scalar>] = [:]
  private let chunk = TensorMemory<Scalar>(count: DelayCompensation.chunkCount)

  /// The number of elements that are processed at a time: they stay in the L1 cache.
  private static var chunkCount: Int { 2048 }

  init(_ factor: Double, isAdaptive: Bool, count: Int) {
    self.factor = factor
    squares = isAdaptive ? TensorMemory(count: count) : nil
  }

  var state: [(name: String, values: UnsafeMutableBufferPointer<Scalar>)] {
    squares.map { [("squares_of_gradients", $0.values)] } ?? []
  }

  func willRead(_ worker: Int, _ shard: ServedShard<Scalar>) {
    let memory = read[worker] ?? TensorMemory(count: shard.range.count)
    read[worker] = memory
    _ = memory.values.update(fromContentsOf: shard.weights)
  }

  func apply(_ push: ShardPush<Scalar>, to shard: ServedShard<Scalar>) {
    guard let old = read[push.worker]?.values.baseAddress,
      let weights = shard.weights.baseAddress, let fresh = chunk.values.baseAddress
    else { return shard.update(with: push.values, push.step) }
    var step = push.step
    step.gradientScale = 1
    let scale = Scalar(push.step.gradientScale)
    for start in stride(from: 0, to: shard.range.count, by: DelayCompensation.chunkCount) {
      let elements = start..<min(start + DelayCompensation.chunkCount, shard.range.count)
      CompensationLoop.run(
        gradient: push.values + start, scale: scale, weights: weights + start, old: old + start,
        squares: squares?.values.baseAddress.map { $0 + start }, factor: Scalar(factor),
        result: fresh, count: elements.count)
      shard.update(elements, with: fresh, step)
    }
    // The worker has also taken this step itself, on the weights that it had read.
    OptimizerKernel.subtract(
      push.values, times: push.step.learningRate * push.step.gradientScale, from: old,
      count: shard.range.count)
  }
}

/// The arithmetic of delay compensation.
private enum CompensationLoop {
  /// The factor by which the running mean square decays per gradient; `epsilon` keeps the divisor above 0.
  private static let keep = 0.95
  private static let epsilon = 1e-7

  @_specialize(where Scalar == Float)
  @_specialize(where Scalar == Double)
  static func run<Scalar: NetworkScalar>(
    gradient: UnsafePointer<Scalar>, scale: Scalar, weights: UnsafePointer<Scalar>,
    old: UnsafePointer<Scalar>, squares: UnsafeMutablePointer<Scalar>?, factor: Scalar,
    result: UnsafeMutablePointer<Scalar>, count: Int
  ) {
    if let squares {
      let (keep, gain, epsilon) = (Scalar(keep), Scalar(1 - keep), Scalar(epsilon))
      for index in 0..<count {
        let slope = scale * gradient[index]
        squares[index] = keep * squares[index] + gain * slope * slope
        let own = factor / (squares[index] + epsilon).squareRoot()
        result[index] = slope + own * slope * slope * (weights[index] - old[index])
      }
    } else {
      for index in 0..<count {
        let slope = scale * gradient[index]
        result[index] = slope + factor * slope * slope * (weights[index] - old[index])
      }
    }
  }
}
