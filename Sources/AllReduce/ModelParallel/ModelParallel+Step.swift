public import AllReduceNN

extension ModelParallel {
  /// Computes the gradient of a global batch: of each parameter this rank holds, the sum over all examples.
  ///
  /// Collective. Without a transition all ranks of a model group give the same examples; with one, each
  /// gives its own, which may be none.
  ///
  /// - Parameters:
  ///   - inputs: `[batch, ...]`.
  ///   - labels: The class of each example.
  ///   - examples: The data set's numbers of them, for dropout masks; empty to count from 0.
  ///   - afterTurn: Called after each turn of the transition, when the gradients in ``backRange`` are those
  ///     of the turn's examples, over all groups, with their totals: the place to update these weights, for
  ///     a batch of variable size. Nil adds the turns up.
  /// - Returns: The totals over all ranks; update with ``BatchScore/gradientScale``.
  /// - Throws: What the loss and the layers throw; ``MPIError``.
  public func step(
    _ inputs: Tensor<Scalar>, _ labels: [Int32], examples: [Int] = [],
    afterTurn: ((BatchScore) throws -> Void)? = nil
  ) throws -> BatchScore {
    try step(inputs, labels, examples, afterTurn, rate: nil)
  }

  /// The step; with the number and the rate of an update that follows, whatever the gradient is.
  func step(
    _ inputs: Tensor<Scalar>, _ labels: [Int32], _ examples: [Int],
    _ afterTurn: ((BatchScore) throws -> Void)?, rate: (number: Int, learningRate: Double)?
  ) throws -> BatchScore {
    let from = clock.now
    let busy = exchangeTimes
    for pass in [network.pass, backPass] {
      pass.isTraining = true
      pass.step = nextStep
      pass.accumulatesGradients = false
    }
    nextStep += 1
    network.pass.examples = examples
    let total = try exchange.tally.counting {
      if let front = layers.front {
        try stepInTurns(front, inputs, labels, examples, afterTurn)
      } else {
        try stepAtOnce(inputs, labels, examples, rate)
      }
    }
    let spent = exchangeTimes
    computeSeconds +=
      (clock.now - from) / .seconds(1)
      - (spent.waitSeconds + spent.busySeconds - busy.waitSeconds - busy.busySeconds)
    return total
  }

  private func stepAtOnce(
    _ inputs: Tensor<Scalar>, _ labels: [Int32], _ examples: [Int],
    _ rate: (number: Int, learningRate: Double)?
  ) throws -> BatchScore {
    largestTurn = max(largestTurn, inputs.rows)
    backPass.examples = examples
    let (own, gradient) = try evaluate(
      layers.back.forward(inputs, backPass), labels, withGradient: true)
    let step = rate.map {
      OptimizerStep(
        number: $0.number, learningRate: $0.learningRate, gradientScale: own.gradientScale)
    }
    exchange.begin(own, ModelParallel.back, stepping: own.loss.isFinite ? step : nil)
    _ = try layers.back.backward(gradient!, backPass, needsInputGradient: false)
    return try finishBack(own)
  }

  private func stepInTurns(
    _ front: Sequential<Scalar>, _ inputs: Tensor<Scalar>, _ labels: [Int32],
    _ examples: [Int], _ afterTurn: ((BatchScore) throws -> Void)?
  ) throws -> BatchScore {
    let group = try GroupExamples(
      labels, examples.isEmpty ? Array(0..<labels.count) : examples, over: layers.communicator)
    let turns = (layers.transition ?? .a).turns(group.counts)
    let rows = layers.exchange
    let activations = try front.forward(inputs, network.pass)
    let learnsInFront = !front.allParameters.isEmpty
    let back = frontGradient.tensor(activations.shape)
    var total = BatchScore()
    var own = BatchScore()
    // Examples are in one of two buffers, and the next turn's on their way in the other. Gradients have a
    // third, from where they go while weights' gradients are computed. Scheme c saves that: they take the
    // place of their examples, and the other buffer has on its way first the gradient of the turn before,
    // then the next examples.
    let replacesInput = layers.transition == .c && turns.count > 1
    func startGather(_ index: Int) throws {
      guard index < turns.count else { return }
      try rows.startGather(
        activations, turns[index], in: index % 2, layers.gathering, backPass)
    }
    try startGather(0)
    for (index, turn) in turns.enumerated() {
      let isLast = index == turns.count - 1
      let gathered = try rows.finishGather(layers.gathering, backPass)
      let gathersLater = replacesInput && learnsInFront && index > 0
      if !gathersLater { try startGather(index + 1) }
      largestTurn = max(largestTurn, turn.count)
      backPass.examples = group.examples(of: turn)
      backPass.accumulatesGradients = index > 0 && afterTurn == nil
      let (score, gradient) = try evaluate(
        layers.back.forward(gathered, backPass), group.labels(of: turn), withGradient: true)
      own += score
      if isLast || afterTurn != nil {
        exchange.begin(afterTurn == nil ? own : score, ModelParallel.back)
      }
      let buffer = replacesInput ? index % 2 : 2
      layers.firstDivided?.sharedGradient = SharedInputGradient(
        replacesInput: replacesInput,
        begin: { [self] in
          try rows.finishScatter(to: back, layers.scattering, backPass)
          if gathersLater { try startGather(index + 1) }
        },
        memory: { [self] _ in
          try rows.gradientMemory(turn, width: layers.joint, in: buffer)
        },
        isWritten: { [self] in
          try rows.startScatter(
            turn, width: layers.joint, in: buffer, layers.scattering, backPass)
        })
      defer { layers.firstDivided?.sharedGradient = nil }
      _ = try layers.back.backward(gradient!, backPass, needsInputGradient: learnsInFront)
      if let afterTurn {
        let score = try finishBack(score)
        total += score
        try afterTurn(score)
      }
    }
    if learnsInFront {
      try rows.finishScatter(to: back, layers.scattering, backPass)
      exchange.begin(own, ModelParallel.front)
      if inputs.rows == 0 {
        UnsafeMutableBufferPointer(rebasing: network.gradients[frontRange]).update(repeating: 0)
      }
      network.pass.accumulatesGradients = inputs.rows == 0
      _ = try front.backward(back, network.pass, needsInputGradient: false)
      if afterTurn == nil { total = try finishBack(own) }
      _ = try exchange.finishSum(ModelParallel.front)
    } else if afterTurn == nil {
      total = try finishBack(own)
    }
    return total
  }

  /// Ends the exchange of the divided layers' gradients, and gives the totals of all groups.
  private func finishBack(_ own: BatchScore) throws -> BatchScore {
    let total = try exchange.finishSum(ModelParallel.back)
    // One group's need not be rounded.
    return grid.data.size > 1 ? total : own
  }
}
