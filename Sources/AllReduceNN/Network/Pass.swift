/// The settings and buffers that all layers share during one forward and backward pass.
public final class Pass<Scalar: NetworkScalar> {
  /// Whether the pass is for training: dropout drops elements, and batch norm uses the batch's own statistics.
  public var isTraining = true
  /// Whether gradients are added to the old ones (gradient accumulation) instead of replacing them.
  public var accumulatesGradients = false
  /// The seed of dropout masks.
  public var seed: UInt64 = 0
  /// The number of the training step; dropout masks depend on it.
  public var step: UInt64 = 0
  /// The index in the data set of each example in the batch. Dropout masks depend on these indices, so an example gets
  /// the same mask on every rank. If empty, the examples are numbered from 0.
  public var examples: [Int] = []
  /// Receives gradients and provides weights during the passes; nil for a network that exchanges nothing.
  package weak var sink: (any GradientSink<Scalar>)?
  /// Records when each layer of a ``Sequential`` started and ended; nil to record nothing.
  package var recorder: SpanRecorder?

  /// Creates a pass.
  package init() {}

  /// Reports to the sink that the whole gradient of a parameter is complete.
  public func finish(_ parameter: Parameter<Scalar>) throws {
    try sink?.isReady(parameter, 0..<parameter.shape.count)
  }

  /// Announces to the sink that a layer is about to read all values of these parameters; returns when they have
  /// arrived.
  package func willUse(_ parameters: [Parameter<Scalar>]) throws {
    guard !parameters.isEmpty, let sink else { return }
    for parameter in parameters.reversed() {
      try sink.willUse(parameter, 0..<parameter.shape.count)
    }
  }
}
