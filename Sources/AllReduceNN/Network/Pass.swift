/// What holds for all layers during one forward and backward pass.
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
  /// same mask on whichever rank it is. Empty: examples count from 0.
  public var examples: [Int] = []
  /// Adds up numbers over all ranks that share the global batch, in place; nil if this process has all
  /// of it. For statistics of the whole batch (synchronous batch norm).
  public var combine: ((UnsafeMutableBufferPointer<Scalar>) throws -> Void)?
  /// About how many elements of a large parameter's gradient a layer computes before it reports them, where
  /// it can compute them in parts; nil for all at once, which is a little faster.
  public var elementsAtOnce: Int?
  /// Called when a range of a parameter's gradient is complete, in the order of the backward pass.
  public var gradientIsReady: ((Parameter<Scalar>, Range<Int>) throws -> Void)?
  /// The optimizer's step for a weight, if a layer may take it instead of computing the gradient; who asks
  /// and gets one must take it. Nil for not.
  package var weightStep: ((Parameter<Scalar>) -> WeightStep<Scalar>?)?
  /// Called many times during long computations, after each image of a convolution, so that what ranks
  /// exchange meanwhile gets on; it should cost microseconds. Nil where nothing is exchanged.
  public var makeProgress: (() throws -> Void)?
  /// Called before the network's root and each layer of a ``Sequential`` compute outputs: their weights may
  /// still be on their way from other ranks. Nil where they never are.
  public var willUse: ((any Layer<Scalar>) throws -> Void)?
  /// Called instead by a ``PartwiseLayer`` before it uses a range of a parameter, and returns when that range is
  /// there. Nil where weights never are on their way.
  public var willUsePart: ((Parameter<Scalar>, Range<Int>) throws -> Void)?
  /// Notes when each layer of a ``Sequential`` began and ended; nil for not.
  public var recorder: SpanRecorder?

  /// Creates a pass.
  public init() {}

  /// Forgets whom to call for other ranks: the network is on its own.
  package func forgetRanks() {
    combine = nil
    elementsAtOnce = nil
    makeProgress = nil
    willUse = nil
    willUsePart = nil
  }

  /// A layer says that the whole gradient of a parameter is complete.
  public func finish(_ parameter: Parameter<Scalar>) throws {
    try gradientIsReady?(parameter, 0..<parameter.shape.count)
  }
}
