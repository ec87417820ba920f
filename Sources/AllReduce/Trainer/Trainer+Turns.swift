internal import AllReduceMPI
internal import AllReduceNN

extension Trainer {
  /// The exchange that gathers the model group's examples in turns, one part of them per turn; nil if the plan has
  /// no turns.
  var turns: TurnExchange<Scalar>? {
    row.flatMap { row in row.cut.flatMap { row.items[$0].turns } }
  }

  /// The number of elements in the buffers for examples that are gathered in turns, and for their gradients; 0 if none
  /// are.
  package var turnCapacity: Int { turns?.capacity ?? 0 }

  /// The indices of the gradient exchanges of the layers after the conversion between layouts.
  private var back: Range<Int> { front.upperBound..<exchange.exchanges.count }

  /// Computes a batch's gradient in turns. The layers before the conversion between layouts run on this rank's own
  /// examples. The layers after it run once per turn, on the part of the model group's examples that is gathered in
  /// this turn.
  func runTurns(
    _ part: Part, _ turns: TurnExchange<Scalar>, before: BatchScore, endsStep: Bool,
    afterTurn: ((BatchScore) throws -> Void)? = nil
  ) throws -> BatchScore {
    guard let row, let cut = row.cut else { return BatchScore() }
    if case .values = part.targets {
      preconditionFailure("examples that are gathered in several turns need classes as targets")
    }
    let pass = network.pass
    let activations = try row.forward(part.inputs, pass, 0..<cut)
    let learnsInFront = row.learns(before: cut)
    let gradient = learnsInFront ? frontGradient.tensor(activations.shape) : nil
    let all = try turns.begin(activations, gradient: gradient, pass)
    let accumulated = batch.accumulates
    var own = BatchScore()
    for (index, turn) in all.enumerated() {
      let gathered = try turns.examples(of: index, pass)
      largestTurn = max(largestTurn, turn.count)
      batch.enter(turn, pass)
      batch.accumulates = accumulated || (index > 0 && afterTurn == nil)
      if turn.count == 0, !batch.accumulates { clearGradients(back) }
      let outputs = try row.forward(gathered, pass, cut..<row.items.count, startsTurn: true)
      let slopes = outputGradient.tensor(outputs.shape)
      let score = try evaluate(outputs, .classes(batch.turnLabels), slopes)
      own += score
      if afterTurn != nil {
        exchange.begin(counted(score), back)
      } else if endsStep, index == all.count - 1 {
        var total = before
        total += own
        exchange.begin(counted(total), back)
      }
      _ = try row.backward(
        slopes, pass, cut..<row.items.count, needsInputGradient: learnsInFront)
      if let afterTurn {
        _ = try exchange.finishSum(back)
        try afterTurn(grid.data.size == 1 ? score : grid.data.sum(score))
      }
    }
    batch.enter(nil, pass)
    batch.accumulates = accumulated
    try turns.end(pass)
    guard let gradient else { return own }
    if endsStep {
      var total = before
      total += own
      exchange.begin(counted(total), front)
    }
    batch.enter(isOwn: true, pass)
    _ = try row.backward(gradient, pass, 0..<cut, needsInputGradient: false)
    return own
  }

  /// Takes a step that updates the layers after the conversion between layouts once per turn. In each turn, one part of
  /// the model group's examples is gathered.
  func stepByTurns(_ part: Part, number: Int, learningRate: Double) throws -> BatchScore {
    guard let turns else { return BatchScore() }
    let count = grid.model.size
    var (turn, isFinite) = (0, true)
    let total = try timingPasses(finishing: front) {
      try begin(part, accumulates: false)
      return try runTurns(
        part, turns, before: BatchScore(), endsStep: true,
        afterTurn: { [self] score in
          turn += 1
          guard score.examples > 0 else { return }
          // A turn has 1/`count` of a step's examples, so its learning rate is divided by `count` too (Krizhevsky,
          // 2014).
          let step = OptimizerStep(
            number: (number - 1) * count + turn, learningRate: learningRate / Double(count),
            gradientScale: score.gradientScale)
          isFinite = try isFinite && score.loss.isFinite && apply(step, back)
        })
    }
    // The layers before the conversion are updated once, with the examples of all groups and turns.
    if isFinite, total.loss.isFinite, !front.isEmpty {
      isFinite = try apply(
        OptimizerStep(
          number: number, learningRate: learningRate, gradientScale: total.gradientScale), front)
    }
    if isFinite { updates += 1 } else { skippedSteps += 1 }
    return total
  }

  /// Sets the gradients of some exchanges to zero.
  func clearGradients(_ which: Range<Int>) {
    for exchange in exchange.exchanges[which] {
      for range in exchange.reduction.ranges {
        let range = max(range.lowerBound, network.layout.reserved)..<range.upperBound
        UnsafeMutableBufferPointer(rebasing: network.gradients[range]).setToZero()
      }
    }
  }
}
