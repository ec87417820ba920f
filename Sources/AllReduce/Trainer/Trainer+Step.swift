internal import AllReduceMPI
public import AllReduceNN

extension Trainer {
  /// Takes a step: forward pass, backward pass, exchange of gradients, update. Collective.
  ///
  /// - Parameters:
  ///   - batch: This rank's ``share`` of a global batch; it may be empty.
  ///   - learningRate: The learning rate.
  /// - Returns: The totals over all ranks or, if replicas do not synchronize in every step, over the ranks of this
  ///   replica (`total(_:)` sums them over the replicas). If the loss is not finite, or clipping finds a gradient that
  ///   is not, no weight has changed (if weights are updated after each turn, those updated before stay so), and
  ///   ``skippedSteps`` is one more.
  /// - Throws: The errors of the loss and the layers; ``MPIError``.
  public func step(_ batch: Batch<Scalar>, learningRate: Double) throws -> BatchScore {
    try step(parts: 1, learningRate: learningRate) { _ in
      (batch.inputs, batch.targets, batch.examples)
    }
  }

  /// Same as ``step(_:learningRate:)``, with inputs and targets as separate arguments.
  ///
  /// - Parameters:
  ///   - inputs: The inputs, `[batch, ...]`; the batch may be empty.
  ///   - targets: One target for each input.
  ///   - examples: The numbers of the examples in the data set, for dropout masks; empty to count from 0.
  ///   - learningRate: The learning rate.
  /// - Returns: The same as ``step(_:learningRate:)``.
  /// - Throws: The same as ``step(_:learningRate:)``.
  public func step(
    _ inputs: Tensor<Scalar>, _ targets: Targets<Scalar>, examples: [Int] = [], learningRate: Double
  ) throws -> BatchScore {
    try step(parts: 1, learningRate: learningRate) { _ in (inputs, targets, examples) }
  }

  /// Same as ``step(_:learningRate:)``, for a batch in several parts, whose gradients are added up before they are
  /// exchanged.
  ///
  /// - Parameters:
  ///   - parts: The number of parts, equal on all ranks. With virtual shards, the number of shards that this rank has.
  ///   - learningRate: The learning rate.
  ///   - part: Returns a part by its number: its inputs, targets and example numbers.
  /// - Returns: The same as ``step(_:learningRate:)``.
  /// - Throws: The same as ``step(_:learningRate:)``.
  package func step(
    parts: Int, learningRate: Double, _ part: (Int) throws -> Part
  ) throws -> BatchScore {
    guard let replicas else { return try takeStep(parts: parts, learningRate: learningRate, part) }
    let from = clock.now
    let score = try takeStep(parts: parts, learningRate: learningRate, part)
    try finish()
    replicas.ownRequest = stepRequest.asOne
    try tally.counting {
      try replicas.endStep(
        examples: score.examples, seconds: (clock.now - from) / .seconds(1))
    }
    // The requests of all replicas are known once these have synchronized.
    stepRequest = replicas.takeStepRequest()
    stepSeconds += (clock.now - from) / .seconds(1)
    return score
  }

  /// Takes a step of this replica.
  private func takeStep(
    parts: Int, learningRate: Double, _ part: (Int) throws -> Part
  ) throws -> BatchScore {
    let number = updates + 1
    if let run = turns?.run, run.update == .turn {
      precondition(parts == 1, "weights that change after each turn cannot have \(parts) parts")
      return try stepByTurns(part(0), number: number, learningRate: learningRate)
    }
    // The scale is known once the loss is.
    let step = OptimizerStep(number: number, learningRate: learningRate, gradientScale: 1)
    let total = try computeGradient(parts: parts, part, stepping: step)
    guard total.loss.isFinite else {
      skippedSteps += 1
      return total
    }
    _ = try update(learningRate: learningRate, finishing: false)
    return total
  }

  /// A part of a batch: its inputs, its targets, and the numbers of its examples in the data set.
  package typealias Part = (inputs: Tensor<Scalar>, targets: Targets<Scalar>, examples: [Int])

  /// Computes the gradient of a global batch: the first half of a step. Collective.
  ///
  /// With the update mode `replicated`, ``Parameter/gradient`` on every rank then is the sum over all examples, for
  /// each parameter that the rank holds. In the other modes the update computes this sum.
  ///
  /// - Parameters:
  ///   - parts: The number of parts of the batch.
  ///   - part: Returns a part by its number.
  ///   - step: The step that weights may take as soon as their gradient is complete; nil if none may.
  /// - Returns: The totals over all ranks. Call ``update(learningRate:finishing:)`` next.
  /// - Throws: The errors of the loss and the layers; ``MPIError``.
  package func computeGradient(
    parts: Int = 1, _ part: (Int) throws -> Part, stepping step: OptimizerStep? = nil
  ) throws -> BatchScore {
    precondition(parts >= 1, "a batch must have 1 or more parts, not \(parts)")
    precondition(
      tree.map { $0.shards == parts } ?? true,
      "a batch must have \(tree?.shards ?? 0) parts, one for each virtual shard, not \(parts)")
    return try timingPasses {
      var own = BatchScore()
      for number in 0..<parts {
        let isLast = number == parts - 1
        let part = try part(number)
        try begin(part, accumulates: number > 0 && tree == nil)
        if let turns {
          own += try runTurns(part, turns, before: own, endsStep: isLast)
        } else {
          // The update may run within the backward pass only if the gradient is complete: that of all parts and ranks.
          own += try runAtOnce(
            part, before: own, endsStep: isLast, stepping: parts == 1 ? step : nil)
        }
        // Leaves out the totals in front, which are those of all shards.
        tree?.add(
          number,
          UnsafeMutableBufferPointer(rebasing: network.gradients[network.layout.reserved...]))
      }
      return own
    }
  }

  /// Updates the weights with the gradient of the latest batch: the second half of a step. Collective.
  ///
  /// - Parameters:
  ///   - learningRate: The learning rate.
  ///   - finishing: Whether to wait until new weights have arrived, not only until they are needed.
  /// - Returns: False if a gradient was not finite, which is checked only with clipping; then no weight has changed.
  /// - Throws: ``MPIError``.
  @discardableResult
  package func update(learningRate: Double, finishing: Bool = true) throws -> Bool {
    let isTaken = try apply(
      OptimizerStep(
        number: updates + 1, learningRate: learningRate, gradientScale: totals.gradientScale))
    if finishing { try finish() }
    if isTaken { updates += 1 } else { skippedSteps += 1 }
    return isTaken
  }

  /// Takes the optimizer's step for the weights of some gradient exchanges; nil for all. Returns false if a gradient
  /// was not finite.
  func apply(_ step: OptimizerStep, _ which: Range<Int>? = nil) throws -> Bool {
    let (from, start) = (clock.now, recorder.map { _ in SpanRecorder.now() })
    let isTaken = try tally.counting {
      try exchange.update(step, clipping: clipping, which)
    }
    if let start, let recorder { recorder.add(recorder.name("update"), from: start) }
    updateSeconds += (clock.now - from) / .seconds(1)
    return isTaken
  }

  func runAtOnce(
    _ part: Part, before: BatchScore, endsStep: Bool, stepping step: OptimizerStep?
  ) throws -> BatchScore {
    let start = spans.map { _ in SpanRecorder.now() }
    let outputs = try network.forward(part.inputs)
    let gradient = outputGradient.tensor(outputs.shape)
    let own = try evaluate(outputs, targets(of: part), gradient)
    if let start { spans?.endForward(from: start) }
    // For a forward pass that did not wait for the new weights.
    try exchange.finish()
    if row == nil { batch.enter(isOwn: true, network.pass) }
    if endsStep { beginExchange(before, own, stepping: step) }
    let from = spans.map { _ in SpanRecorder.now() }
    _ = try network.root.backward(gradient, network.pass, needsInputGradient: false)
    if let from { spans?.endBackward(from: from) }
    return own
  }

  /// Starts the exchange of gradients: each is exchanged when the next backward pass has completed it.
  private func beginExchange(
    _ before: BatchScore, _ own: BatchScore, stepping step: OptimizerStep?
  ) {
    var total = before
    total += own
    // If the totals are this rank's alone, the scale of the step is known already.
    let isKnown =
      (lossIsOwn ? grid.world.size : grid.data.size) == 1 && clipping == nil && total.loss.isFinite
    var step = isKnown ? step : nil
    step?.gradientScale = total.gradientScale
    exchange.begin(counted(total), stepping: step, listens: tree == nil)
  }

  /// Returns what this rank adds to the sum of totals over ranks: nothing, if another rank of its model group adds the
  /// same totals.
  func counted(_ own: BatchScore) -> BatchScore {
    let isCountedByOthers = !lossIsOwn && totalsAreOfAllRanks && grid.modelIndex > 0
    return isCountedByOthers ? BatchScore() : own
  }

  /// Whether the exchange that carries the totals sums over all ranks.
  private var totalsAreOfAllRanks: Bool {
    exchange.exchanges[0].groups.sum.size == grid.world.size
  }

  /// Waits for the exchanges of gradients that are in flight, and returns the totals over all ranks.
  private func finishExchange(_ own: BatchScore, _ which: Range<Int>?) throws -> BatchScore {
    stepRequest = ownRequest
    if let which, which.isEmpty {
      let total = try (lossIsOwn ? grid.world : grid.data).sum(own, &stepRequest)
      if !lossIsOwn { try agreeInModelGroup() }
      return total
    }
    var total = try exchange.finishSum(which)
    stepRequest = exchange.stepRequest
    if lossIsOwn {
      if !totalsAreOfAllRanks { total = try grid.model.sum(total, &stepRequest) }
      return total
    }
    if !totalsAreOfAllRanks { try agreeInModelGroup() }
    // With a single group, its own totals are not rounded to the scalar type.
    return grid.data.size == 1 ? own : total
  }

  /// Sums the requests (``StepRequest``) of the ranks of a model group, which know their totals without a message.
  /// Sends 4 bytes, and only if the run has requests.
  private func agreeInModelGroup() throws {
    guard hasStepRequests, grid.model.size > 1 else { return }
    stepRequest.sum = Int(try grid.model.allReduce(Int32(stepRequest.sum), .sum))
  }

  /// Runs passes, waits for their exchanges of gradients, and counts their seconds and traffic.
  ///
  /// - Parameters:
  ///   - which: The exchanges of gradients to wait for; nil for all.
  ///   - body: Runs the passes, and returns this rank's totals.
  /// - Returns: The totals over all ranks.
  /// - Throws: The errors of `body`; ``MPIError``.
  func timingPasses(
    finishing which: Range<Int>? = nil, _ body: () throws -> BatchScore
  ) throws -> BatchScore {
    precondition(
      network.pass.sink === exchange, "the network is trained by another trainer by now")
    let from = clock.now
    let before = exchangeTimes.ownSeconds
    network.pass.isTraining = true
    network.pass.step = nextStep
    nextStep &+= 1
    exchange.ownRequest = ownRequest
    let own = try tally.counting(body)
    computeSeconds += (clock.now - from) / .seconds(1) - (exchangeTimes.ownSeconds - before)
    totals = try tally.counting { try finishExchange(own, which) }
    return totals
  }
}

extension Communicator {
  /// Returns the sum of the ranks' scores. Collective; counts are exact.
  func sum(_ own: BatchScore) throws -> BatchScore {
    var none = StepRequest.none
    var total = try sum(own, &none)
    total.correct += none.sum * StepRequest.unit
    return total
  }

  /// Same as ``sum(_:)``, and replaces `stepRequest` with the sum of the ranks' requests, in the same all-reduce.
  func sum(_ own: BatchScore, _ stepRequest: inout StepRequest) throws -> BatchScore {
    try withUnsafeTemporaryAllocation(of: Double.self, capacity: 3) { numbers in
      numbers[0] = Double(own.examples)
      numbers[1] = own.loss
      numbers[2] = Double(own.correct + stepRequest.sum * StepRequest.unit)
      try allReduce(numbers, .sum)
      let (stepRequests, correct) = Int(numbers[2]).quotientAndRemainder(
        dividingBy: StepRequest.unit)
      stepRequest.sum = stepRequests
      return BatchScore(examples: Int(numbers[0]), loss: numbers[1], correct: correct)
    }
  }
}
