internal import AllReduceMPI
package import AllReduceNN

/// A gradient that has come to a shard.
package struct ShardPush<Scalar> {
  /// The worker that sent it.
  package let worker: Int
  /// A number for each element of the shard.
  package let values: UnsafePointer<Scalar>
  /// The updates of other workers between the weights it was computed from and now.
  package let staleness: Int
  /// The step to take with it.
  package let step: OptimizerStep
}

/// How a shard applies gradients that may be stale.
package protocol StalenessRule<Scalar>: AnyObject {
  associatedtype Scalar: NetworkScalar

  /// The rule's state, each vector as long as the shard; for checkpoints.
  var state: [(name: String, values: UnsafeMutableBufferPointer<Scalar>)] { get }

  /// A worker gets the shard's weights as they are now.
  func willRead(_ worker: Int, _ shard: ServedShard<Scalar>)

  /// Changes the shard's weights by a gradient.
  func apply(_ push: ShardPush<Scalar>, to shard: ServedShard<Scalar>)
}

extension StalenessRule {
  /// The rule has no state.
  package var state: [(name: String, values: UnsafeMutableBufferPointer<Scalar>)] { [] }
  /// Nothing is kept of what workers read.
  package func willRead(_ worker: Int, _ shard: ServedShard<Scalar>) {}
}

/// Applies gradients as if they were fresh, or with a rate that falls with their staleness.
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
  /// target -= factor values.
  static func subtract<Scalar: NetworkScalar>(
    _ values: UnsafePointer<Scalar>, times factor: Double,
    from target: UnsafeMutablePointer<Scalar>, count: Int
  ) {
    of(Scalar.self).update(
      .sgd, weights: target, gradient: values, count: count,
      Coefficients(scale: 1, rate: factor))
  }
}
