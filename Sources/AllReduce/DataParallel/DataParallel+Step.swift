internal import AllReduceMPI
public import AllReduceNN

extension DataParallel {
  /// Computes the gradient of a global batch, the sum over all examples: in `replicated` mode the same on
  /// all ranks; in others it is added up by now or only by the update, and a rank finds its own part at
  /// most.
  ///
  /// Collective. A rank whose data has ended takes part with a batch of no rows. With several
  /// micro-batches their gradients are added up here, and exchanged once, with the last one's backward
  /// pass. Set the pass's `examples` before each forward pass where there is dropout.
  ///
  /// - Parameters:
  ///   - microBatches: How many parts this rank's batch is cut into; equal on all ranks. With virtual
  ///     shards, as many as this rank has of them.
  ///   - forward: Computes the outputs of a part and its loss: its examples, sum of losses and right
  ///     answers, and the gradient of the outputs, `[batch, ...]`, of the sum of losses.
  /// - Returns: The totals over all ranks; update with ``BatchScore/gradientScale``.
  /// - Throws: What `forward` and the layers throw; ``MPIError``.
  public func step(
    microBatches: Int = 1,
    _ forward: (_ part: Int) throws -> (own: BatchScore, gradient: Tensor<Scalar>)
  ) throws -> BatchScore {
    try exchange.tally.counting { try countedStep(microBatches, forward) }
  }

  private func countedStep(
    _ microBatches: Int,
    _ forward: (_ part: Int) throws -> (own: BatchScore, gradient: Tensor<Scalar>)
  ) throws -> BatchScore {
    requireNetwork()
    precondition(microBatches >= 1, "a step has 1 or more micro-batches, not \(microBatches)")
    precondition(
      tree.map { $0.shards == microBatches } ?? true,
      "a step has a micro-batch for each of \(tree?.shards ?? 0) shards, not \(microBatches)")
    let from = clock.now
    let before = exchangeTimes.ownSeconds
    let pass = network.pass
    pass.isTraining = true
    pass.step = nextStep
    nextStep += 1
    var own = BatchScore()
    for part in 0..<microBatches {
      let (totals, gradient) = try forward(part)
      own += totals
      // A batch of no rows adds nothing, whatever a layer makes of it.
      let isEmpty = totals.examples == 0
      // Where the forward pass was not the network's.
      try finishUpdate()
      let isFirst = part == 0 || tree != nil
      if isFirst, isEmpty { network.gradients.update(repeating: 0) }
      pass.accumulatesGradients = !isFirst || isEmpty
      if part == microBatches - 1 { exchange.begin(own, listens: tree == nil) }
      let start = spans.map { _ in SpanRecorder.now() }
      try network.backward(gradient)
      if let start { spans?.endBackward(from: start) }
      // Not the totals in front: they are those of all shards.
      tree?.add(
        part, UnsafeMutableBufferPointer(rebasing: network.gradients[network.layout.reserved...]))
    }
    let end = clock.now
    computeSeconds += (end - from) / .seconds(1) - (exchangeTimes.ownSeconds - before)
    totals = try exchange.finishSum()
    return totals
  }

  /// Computes the gradient of a global batch of which this rank has `inputs`. Collective.
  ///
  /// - Parameters:
  ///   - inputs: `[batch, ...]`; may have no rows.
  ///   - targets: As many.
  ///   - loss: What is minimised.
  /// - Returns: The totals over all ranks; update with ``BatchScore/gradientScale``.
  /// - Throws: What the loss and the layers throw; ``MPIError``.
  public func step(
    _ inputs: Tensor<Scalar>, _ targets: Targets<Scalar>, _ loss: some Loss<Scalar>
  ) throws -> BatchScore {
    try step { _ in try forward(inputs, targets, loss) }
  }

  /// Computes the outputs of a part of a batch, its loss and the gradient of the outputs.
  ///
  /// Not collective, unless a layer is.
  public func forward(
    _ inputs: Tensor<Scalar>, _ targets: Targets<Scalar>, _ loss: some Loss<Scalar>
  ) throws -> (own: BatchScore, gradient: Tensor<Scalar>) {
    let start = spans.map { _ in SpanRecorder.now() }
    let outputs = try network.forward(inputs)
    let gradient = outputGradient.tensor(outputs.shape)
    let own = try loss.evaluate(outputs, targets, gradient: gradient)
    if let start { spans?.endForward(from: start) }
    return (own, gradient)
  }

  /// Adds up what ranks found on their parts of a data set that is not trained on. Collective.
  ///
  /// - Parameter own: This rank's part.
  /// - Returns: The totals over all ranks; counts are exact.
  /// - Throws: ``MPIError``.
  public func sum(_ own: BatchScore) throws -> BatchScore {
    var numbers = [Double(own.examples), own.loss, Double(own.correct)]
    try communicator.allReduce(&numbers, .sum)
    return BatchScore(
      examples: Int(numbers[0]), loss: numbers[1], correct: Int(numbers[2]))
  }
}
