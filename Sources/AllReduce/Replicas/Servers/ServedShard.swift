package import AllReduceNN

/// A server's shard of the weights, with the state of the optimizer for it.
///
/// Only one thread reads and writes a shard, so a reader always gets all weights of one version.
package final class ServedShard<Scalar: NetworkScalar> {
  /// The range of the shard's elements in the network's flat memory.
  package let range: Range<Int>
  /// The shard's weights, in the server's copy of the flat memory.
  package let weights: UnsafeMutableBufferPointer<Scalar>
  /// The number of updates that have been applied so far.
  package private(set) var version = 0
  /// For each worker, the number of its updates that have been applied.
  private(set) var applied: [Int]
  private let optimizer: Optimizer<Scalar>
  private let rule: any StalenessRule<Scalar>

  /// Creates the shard of a network that covers the elements in `range`.
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

  /// The number of trainable parameters in the shard, without the gaps in the memory.
  let parameterCount: Int

  /// The state vectors of the optimizer and of the staleness rule; for checkpoints.
  var state: [(name: String, values: UnsafeMutableBufferPointer<Scalar>)] {
    optimizer.state + rule.state
  }

  /// Sets the version to that of the checkpoint from which the run resumes.
  func resume(version: Int) { self.version = version }

  /// Returns the number of updates so far by all workers except this one.
  func others(than worker: Int) -> Int { version - applied[worker] }

  /// Tells the staleness rule that a worker is about to read the weights.
  func willRead(_ worker: Int) { rule.willRead(worker, self) }

  /// Applies a worker's push to the whole shard.
  ///
  /// - Parameters:
  ///   - values: The pushed numbers, one for each element of the shard.
  ///   - worker: The worker that sent the push.
  ///   - seen: The number of other workers' updates in the weights from which the push was computed.
  ///   - rate: The learning rate.
  ///   - scale: The factor by which the numbers are multiplied.
  /// - Returns: The staleness of the push: the number of other workers' updates since those weights.
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

  /// Takes the optimizer's step for all elements of the shard.
  func update(with gradient: UnsafePointer<Scalar>, _ step: OptimizerStep) {
    update(0..<range.count, with: gradient, step)
  }

  /// Takes the optimizer's step for a range of the shard's elements; index 0 is the shard's first element.
  func update(
    _ elements: Range<Int>, with gradient: UnsafePointer<Scalar>, _ step: OptimizerStep
  ) {
    guard let first = weights.baseAddress else { return }
    optimizer.update(
      range.lowerBound + elements.lowerBound..<range.lowerBound + elements.upperBound,
      weights: first + elements.lowerBound, gradient: gradient, step)
  }
}
