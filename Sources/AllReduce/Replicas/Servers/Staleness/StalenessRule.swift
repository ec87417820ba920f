internal import AllReduceMPI
package import AllReduceNN

/// A gradient that a worker has pushed to a shard.
package struct ShardPush<Scalar> {
  /// The worker that sent it.
  package let worker: Int
  /// The gradient: one number for each element of the shard.
  package let values: UnsafePointer<Scalar>
  /// The number of other workers' updates since the weights from which the gradient was computed.
  package let staleness: Int
  /// The optimizer step to take with the gradient.
  package let step: OptimizerStep
}

/// A rule by which a shard applies gradients that may be stale.
package protocol StalenessRule<Scalar>: AnyObject {
  associatedtype Scalar: NetworkScalar

  /// The rule's state vectors, each with one number for each element of the shard; for checkpoints.
  var state: [(name: String, values: UnsafeMutableBufferPointer<Scalar>)] { get }

  /// Called when a worker is about to get the shard's present weights.
  func willRead(_ worker: Int, _ shard: ServedShard<Scalar>)

  /// Updates the shard's weights with a gradient.
  func apply(_ push: ShardPush<Scalar>, to shard: ServedShard<Scalar>)
}

extension StalenessRule {
  /// An empty list: by default a rule has no state.
  package var state: [(name: String, values: UnsafeMutableBufferPointer<Scalar>)] { [] }
  /// Does nothing: by default a rule does not keep the weights that workers read.
  package func willRead(_ worker: Int, _ shard: ServedShard<Scalar>) {}
}

/// Applies gradients as if they were fresh, or with a learning rate divided by their staleness.
package final class PlainRule<Scalar: NetworkScalar>: StalenessRule {
  private let scales: Bool

  package init(scalesRate: Bool = false) { scales = scalesRate }

  package func apply(_ push: ShardPush<Scalar>, to shard: ServedShard<Scalar>) {
    var step = push.step
    if scales { step.learningRate /= Double(max(1, push.staleness)) }
    shard.update(with: push.values, step)
  }
}

extension OptimizerKernel {
  /// Computes target -= factor * values.
  static func subtract<Scalar: NetworkScalar>(
    _ values: UnsafePointer<Scalar>, times factor: Double,
    from target: UnsafeMutablePointer<Scalar>, count: Int
  ) {
    of(Scalar.self).update(
      .sgd, weights: target, gradient: values, count: count,
      Coefficients(scale: 1, rate: factor))
  }
}
