public import AllReduceNN

extension ModelParallel {
  /// Updates a range of this rank's weights. Collective over the model group with clipping, or if the optimizer
  /// uses norms.
  ///
  /// - Parameters:
  ///   - step: Which step; the gradients are of the sum over the global batch.
  ///   - range: ``backRange``, ``frontRange``, or nil for both.
  ///   - clipping: Shortens gradients whose norm, over all ranks and each parameter once, is larger.
  /// - Returns: False if the gradient has elements that are not finite, which only clipping sees; no weight has
  ///   changed then.
  /// - Throws: ``MPIError``.
  /// - Precondition: There is an optimizer.
  @discardableResult
  public func update(
    _ step: OptimizerStep, _ range: Range<Int>? = nil, clipping: GradientClipping? = nil
  ) throws -> Bool {
    let which =
      layers.front == nil
      ? ModelParallel.back
      : range.map { $0 == backRange ? ModelParallel.back : ModelParallel.front }
    let (from, start) = (clock.now, recorder.map { _ in SpanRecorder.now() })
    let isTaken = try exchange.update(step, clipping: clipping, which)
    try exchange.finish()
    if let start, let recorder { recorder.add(recorder.name("update"), from: start) }
    updateSeconds += (clock.now - from) / .seconds(1)
    return isTaken
  }

  /// Computes the gradient of a global batch, as ``step(_:_:examples:afterTurn:)``, and updates all weights of
  /// this rank: the same bits as an update after it. Collective.
  ///
  /// Where nothing else is done with the gradient of a dense layer's weight, of which this rank has the
  /// only copy of the shard, and the rule takes elements one by one, the weight is updated tile by tile as
  /// the gradient is computed, which is never written: ``Parameter/gradient`` is then what it was.
  ///
  /// - Parameters:
  ///   - inputs: `[batch, ...]`.
  ///   - labels: The class of each example.
  ///   - examples: The data set's numbers of them, for dropout masks; empty to count from 0.
  ///   - number: Of the update, from 1.
  ///   - learningRate: How far to go.
  /// - Returns: The totals over all ranks. If the loss is not finite, no weight has changed.
  /// - Throws: What the loss and the layers throw; ``MPIError``.
  public func step(
    _ inputs: Tensor<Scalar>, _ labels: [Int32], examples: [Int] = [],
    updating number: Int, learningRate: Double
  ) throws -> BatchScore {
    let total = try step(inputs, labels, examples, nil, rate: (number, learningRate))
    if total.loss.isFinite {
      try update(
        OptimizerStep(
          number: number, learningRate: learningRate, gradientScale: total.gradientScale))
    }
    return total
  }
}
