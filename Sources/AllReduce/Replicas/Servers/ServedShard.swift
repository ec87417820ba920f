package import AllReduceNN

/// A server's shard of the weights, and the optimizer's state for it.
///
/// One thread reads and writes it: a reader gets all of a version, and never a torn one.
package final class ServedShard<Scalar: NetworkScalar> {
  /// The elements of the flat memory.
  package let range: Range<Int>
  /// The shard's weights, in the server's copy of the flat memory.
  package let weights: UnsafeMutableBufferPointer<Scalar>
  /// The updates so far.
  package private(set) var version = 0
  /// The number of these from each worker.
  private(set) var applied: [Int]
  private let optimizer: Optimizer<Scalar>
  private let rule: any StalenessRule<Scalar>

  /// Serves some elements of a network.
  package init(
    _ range: Range<Int>, of network: Network<Scalar>, _ update: any UpdateRule,
    _ rule: any StalenessRule<Scalar>, workers: Int
  ) {
    self.range = range
    parameterCount = network.layout.ranges.reduce(0) { $0 + $1.clamped(to: range).count }
    weights = UnsafeMutableBufferPointer(rebasing: network.values[range])
    optimizer = Optimizer(update, layout: network.layout, range: range)
    self.rule = rule
    applied = Array(repeating: 0, count: workers)
  }

  /// The learned numbers in the shard.
  let parameterCount: Int

  /// The state of the optimizer and of the rule; for checkpoints.
  var state: [(name: String, values: UnsafeMutableBufferPointer<Scalar>)] {
    optimizer.state + rule.state
  }

  /// Goes on from a state.
  func resume(version: Int) { self.version = version }

  /// The updates of other workers than this one.
  func others(than worker: Int) -> Int { version - applied[worker] }

  /// A worker reads the weights now.
  func willRead(_ worker: Int) { rule.willRead(worker, self) }

  /// Applies a push, whole.
  ///
  /// - Parameters:
  ///   - values: A number for each element of the shard.
  ///   - worker: The worker that sent it.
  ///   - seen: The updates of other workers in the weights that it was computed from.
  ///   - rate: The length of the step.
  ///   - scale: The factor of the numbers.
  /// - Returns: Its staleness: the updates of other workers since.
  func apply(
    _ values: UnsafePointer<Scalar>, of worker: Int, seen: Int, rate: Double, scale: Double
  ) -> Int {
    let staleness = others(than: worker) - seen
    rule.apply(
      ShardPush(
        worker: worker, values: values, staleness: staleness,
        step: OptimizerStep(number: version + 1, learningRate: rate, gradientScale: scale)),
      to: self)
    version += 1
    applied[worker] += 1
    return staleness
  }

  /// Takes the optimizer's step for all of the shard.
  func update(with gradient: UnsafePointer<Scalar>, _ step: OptimizerStep) {
    update(0..<range.count, with: gradient, step)
  }

  /// Takes the optimizer's step for some elements of the shard, counted from its first.
  func update(
    _ elements: Range<Int>, with gradient: UnsafePointer<Scalar>, _ step: OptimizerStep
  ) {
    guard let first = weights.baseAddress else { return }
    optimizer.update(
      range.lowerBound + elements.lowerBound..<range.lowerBound + elements.upperBound,
      weights: first + elements.lowerBound, gradient: gradient, step)
  }
}
