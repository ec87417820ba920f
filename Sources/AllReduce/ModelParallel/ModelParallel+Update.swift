internal import AllReduceMPI
public import AllReduceNN

extension ModelParallel {
  /// Updates a range of this rank's weights. Collective if the optimizer uses norms.
  ///
  /// - Parameters:
  ///   - update: Made for the network's layout.
  ///   - range: ``backRange``, ``frontRange``, or nil for both.
  ///   - step: Which step; the gradients are of the sum over the global batch.
  /// - Throws: ``MPIError``.
  public func update(
    _ update: Optimizer<Scalar>, _ range: Range<Int>? = nil, _ step: OptimizerStep
  ) throws {
    try timingUpdate {
      try updateNow(update, range ?? backRange.lowerBound..<frontRange.upperBound, step)
    }
  }

  private func timingUpdate(_ body: () throws -> Void) rethrows {
    let (from, start) = (clock.now, recorder.map { _ in SpanRecorder.now() })
    try body()
    if let start, let recorder { recorder.add(recorder.name("update"), from: start) }
    updateSeconds += (clock.now - from) / .seconds(1)
  }

  private func updateNow(
    _ update: Optimizer<Scalar>, _ range: Range<Int>, _ step: OptimizerStep
  ) throws {
    guard let values = network.values.baseAddress, let gradients = network.gradients.baseAddress,
      !range.isEmpty
    else { return }
    let (weights, gradient) = (values + range.lowerBound, gradients + range.lowerBound)
    if update.rule.usesNorms {
      var squares = [Double](repeating: 0, count: update.squareCount)
      squares.withUnsafeMutableBufferPointer {
        update.addSquares(of: range, weights: weights, gradient: gradient, to: $0)
      }
      // What every rank has is counted by one.
      for (number, parameter) in network.layout.parameters.enumerated()
      where parameter.shard == nil && grid.modelIndex > 0 {
        squares[2 * number] = 0
        squares[2 * number + 1] = 0
      }
      try tally.counting { try grid.model.allReduce(&squares, .sum) }
      squares.withUnsafeBufferPointer {
        update.useNorms($0, gradientScale: step.gradientScale)
      }
    }
    update.update(range, weights: weights, gradient: gradient, step)
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
  ///   - update: Made for the network's layout.
  ///   - number: Of the update, from 1.
  ///   - learningRate: How far to go.
  /// - Returns: The totals over all ranks. If the loss is no finite number, no weight has changed.
  /// - Throws: What the loss and the layers throw; ``MPIError``.
  public func step(
    _ inputs: Tensor<Scalar>, _ labels: [Int32], examples: [Int] = [],
    updatingWith update: Optimizer<Scalar>, number: Int, learningRate: Double
  ) throws -> BatchScore {
    func move(_ total: BatchScore) -> OptimizerStep {
      OptimizerStep(
        number: number, learningRate: learningRate, gradientScale: total.gradientScale)
    }
    guard layers.front == nil, grid.data.size == 1 else {
      let total = try step(inputs, labels, examples: examples)
      if total.loss.isFinite { try self.update(update, nil, move(total)) }
      return total
    }
    updatedEarly.removeAll(keepingCapacity: true)
    defer { backPass.weightStep = nil }
    let total = try step(inputs, labels, examples, nil) { [self] total in
      guard total.loss.isFinite else { return }
      let now = move(total)
      backPass.weightStep = { [unowned self] parameter in
        guard let step = update.weightStep(parameter, now) else { return nil }
        updatedEarly.insert(ObjectIdentifier(parameter))
        return step
      }
    }
    guard total.loss.isFinite else { return total }
    if updatedEarly.isEmpty {
      try self.update(update, nil, move(total))
    } else {
      try timingUpdate {
        for (parameter, elements) in zip(network.layout.parameters, network.layout.ranges)
        where !updatedEarly.contains(ObjectIdentifier(parameter)) {
          try updateNow(update, elements, move(total))
        }
      }
    }
    return total
  }
}
