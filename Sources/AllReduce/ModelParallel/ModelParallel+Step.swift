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
    try step(inputs, labels, examples, afterTurn, beforeBackward: nil)
  }

  /// The step, with what happens between the totals of all examples and the pass back, in a network without
  /// a transition.
  func step(
    _ inputs: Tensor<Scalar>, _ labels: [Int32], _ examples: [Int],
    _ afterTurn: ((BatchScore) throws -> Void)?, beforeBackward: ((BatchScore) -> Void)?
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
    let total = try tally.counting {
      if let front = layers.front {
        try stepInTurns(front, inputs, labels, examples, afterTurn)
      } else {
        try stepAtOnce(inputs, labels, examples, beforeBackward)
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
    _ beforeBackward: ((BatchScore) -> Void)?
  ) throws -> BatchScore {
    largestTurn = max(largestTurn, inputs.rows)
    backPass.examples = examples
    let (own, gradient) = try evaluate(
      layers.back.forward(inputs, backPass), labels, withGradient: true)
    begin(own)
    beforeBackward?(own)
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
    let exchange = layers.exchange
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
      try exchange.startGather(
        activations, turns[index], in: index % 2, layers.gathering, backPass)
    }
    try startGather(0)
    for (index, turn) in turns.enumerated() {
      let isLast = index == turns.count - 1
      let gathered = try exchange.finishGather(layers.gathering, backPass)
      let gathersLater = replacesInput && learnsInFront && index > 0
      if !gathersLater { try startGather(index + 1) }
      largestTurn = max(largestTurn, turn.count)
      backPass.examples = group.examples(of: turn)
      backPass.accumulatesGradients = index > 0 && afterTurn == nil
      let (score, gradient) = try evaluate(
        layers.back.forward(gathered, backPass), group.labels(of: turn), withGradient: true)
      own += score
      if isLast || afterTurn != nil { begin(afterTurn == nil ? own : score) }
      let buffer = replacesInput ? index % 2 : 2
      layers.firstDivided?.sharedGradient = SharedInputGradient(
        replacesInput: replacesInput,
        begin: { [self] in
          try exchange.finishScatter(to: back, layers.scattering, backPass)
          if gathersLater { try startGather(index + 1) }
        },
        memory: { [self] _ in
          try exchange.gradientMemory(turn, width: layers.joint, in: buffer)
        },
        isWritten: { [self] in
          try exchange.startScatter(
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
      try exchange.finishScatter(to: back, layers.scattering, backPass)
      frontReducer?.begin()
      network.pass.gradientIsReady = reportReady
      defer { network.pass.gradientIsReady = nil }
      if inputs.rows == 0 {
        UnsafeMutableBufferPointer(rebasing: network.gradients[frontRange]).update(repeating: 0)
      }
      network.pass.accumulatesGradients = inputs.rows == 0
      _ = try front.backward(back, network.pass, needsInputGradient: false)
      if afterTurn == nil { total = try finishBack(own) }
      try frontReducer?.finish()
    } else if afterTurn == nil {
      total = try finishBack(own)
    }
    return total
  }

  /// Lets the gradients of the divided layers be added up as they get ready in the next backward pass.
  fileprivate func begin(_ own: BatchScore) {
    guard let backReducer else { return }
    network.gradients[0] = Scalar(own.examples)
    network.gradients[1] = Scalar(own.loss)
    network.gradients[2] = Scalar(own.correct)
    backReducer.begin()
    backPass.gradientIsReady = reportReady
  }

  /// Ends that, and gives the totals of all groups.
  private func finishBack(_ own: BatchScore) throws -> BatchScore {
    backPass.gradientIsReady = nil
    guard let backReducer, grid.data.size > 1 else { return own }
    try backReducer.finish()
    return BatchScore(
      examples: Int(network.gradients[0]), loss: Double(network.gradients[1]),
      correct: Int(network.gradients[2]))
  }
}
