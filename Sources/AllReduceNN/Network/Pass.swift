/// The settings and buffers that all layers share during one forward and backward pass.
public final class Pass<Scalar: NetworkScalar> {
  /// Whether the network learns: dropout drops, batch norm uses the batch's own statistics.
  public var isTraining = true
  /// Whether gradients are added to what is there (accumulation), rather than replacing it.
  public var accumulatesGradients = false
  /// The seed of dropout masks.
  public var seed: UInt64 = 0
  /// The number of the training step; a mask depends on it.
  public var step: UInt64 = 0
  /// The data set's numbers of the batch's examples: masks are keyed by them, so that an example gets the
  /// same mask on every rank. Empty: examples count from 0.
  public var examples: [Int] = []
  /// Receives gradients and provides weights during the passes; nil for a network on its own.
  package weak var sink: (any GradientSink<Scalar>)?
  /// Notes when each layer of a ``Sequential`` began and ended; nil for not.
  package var recorder: SpanRecorder?

  /// Creates a pass.
  package init() {}

  /// Reports that the whole gradient of a parameter is complete.
  public func finish(_ parameter: Parameter<Scalar>) throws {
    try sink?.isReady(parameter, 0..<parameter.shape.count)
  }

  /// A layer says that it is about to read all values of parameters; returns when they are there.
  package func willUse(_ parameters: [Parameter<Scalar>]) throws {
    guard !parameters.isEmpty, let sink else { return }
    for parameter in parameters.reversed() {
      try sink.willUse(parameter, 0..<parameter.shape.count)
    }
  }
}
