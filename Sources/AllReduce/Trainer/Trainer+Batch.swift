internal import AllReduceMPI
public import AllReduceNN

extension Trainer {
  /// Begins a part of a batch: tells the ranks of a model group which examples the others have, if the plan needs that,
  /// and prepares the gradients.
  func begin(_ part: Part, accumulates: Bool) throws {
    let rows = part.inputs.rows
    precondition(
      part.examples.isEmpty || part.examples.count == rows,
      "a batch of \(part.inputs.shape) has no \(part.examples.count) example numbers")
    largestBatch = max(largestBatch, rows)
    batch.accumulates = accumulates
    try tally.counting { try tell(part, part.examples) }
    if !accumulates, batch.own.isEmpty || batch.count == 0 {
      network.gradients.setToZero()
    }
    if row == nil { batch.enter(isOwn: true, network.pass) }
  }

  /// Tells the batch which examples this rank has and, if the plan needs that, which the other ranks of its model group
  /// have.
  private func tell(_ part: Part, _ numbers: [Int]) throws {
    let rows = part.inputs.rows
    // The pass must not share the array with the batch, which changes its numbers in place.
    network.pass.examples = []
    if row == nil {
      batch.keep(rows, numbers)
    } else if inputLayout == .batchSharded {
      if case .classes(let labels) = part.targets {
        try batch.gather(rows, classes: labels, part.examples)
      } else {
        try batch.gather(rows, classes: [], part.examples)
      }
    } else {
      batch.share(rows, numbers)
    }
  }

  /// Returns the targets of the examples for which this rank computes the loss.
  func targets(of part: Part) throws -> Targets<Scalar> {
    if lossIsOwn == (inputLayout == .batchSharded) { return part.targets }
    switch part.targets {
    case .classes(let labels):
      return .classes(lossIsOwn ? batch.own(of: labels) : batch.labels)
    case .values(let values):
      if lossIsOwn { return .values(values.rows(batch.own)) }
      let exchange =
        targetExchange
        ?? ConversionExchange(
          .gatherExamples, of: values.shape.example, batch, isBackward: false)
      targetExchange = exchange
      return .values(try exchange.run(values, network.pass))
    }
  }

  func evaluate(
    _ outputs: Tensor<Scalar>, _ targets: Targets<Scalar>, _ gradient: Tensor<Scalar>?
  ) throws -> BatchScore {
    try shardedLoss?.evaluate(outputs, targets, gradient: gradient)
      ?? loss.evaluate(outputs, targets, gradient: gradient)
  }

  /// Evaluates the network on test examples, in evaluation mode. Collective; the examples are divided over all ranks.
  /// Replicas that do not synchronize in every step evaluate the global weights.
  ///
  /// - Parameters:
  ///   - data: The examples.
  ///   - batchSize: The maximum number of examples that this rank evaluates at once. Nil for 256 if the plan is
  ///     data-parallel, otherwise for the size of this rank's largest batch so far.
  /// - Returns: The totals over all examples.
  /// - Throws: The errors of the loss and the layers; ``MPIError``.
  public func score(on data: any Dataset, batchSize: Int? = nil) throws -> BatchScore {
    try withGlobalWeights { try scoreShare(of: data, batchSize: batchSize) }
  }

  private func scoreShare(of data: any Dataset, batchSize: Int?) throws -> BatchScore {
    let share = share
    let blocks = BlockPartition(count: data.count, parts: share.count)
    let (own, size) = (blocks[share.index], batchSize ?? (row == nil ? 256 : max(largestBatch, 1)))
    let slot = BatchSlot<Scalar>()
    var score = BatchScore()
    // All ranks evaluate the same number of batches, since they exchange activations; the last batch may be empty.
    for number in 0..<(blocks[0].count + size - 1) / size {
      let start = min(own.lowerBound + number * size, own.upperBound)
      let examples = Array(start..<min(start + size, own.upperBound))
      if row == nil, examples.isEmpty { break }
      let batch = slot.make(data, examples, globalCount: data.count)
      score += try scoreOwn((batch.inputs, batch.targets, examples))
    }
    return try sum(score)
  }

  /// Same as ``score(on:batchSize:)``, for one batch; inputs and targets are this rank's ``share`` of it.
  package func score(_ inputs: Tensor<Scalar>, _ targets: Targets<Scalar>) throws -> BatchScore {
    try withGlobalWeights { try sum(scoreOwn((inputs, targets, []))) }
  }

  private func scoreOwn(_ part: Part) throws -> BatchScore {
    try finish()
    let pass = network.pass
    pass.isTraining = false
    defer { pass.isTraining = true }
    try tell(part, [])
    return try evaluate(network.forward(part.inputs), targets(of: part), nil)
  }

  private func sum(_ own: BatchScore) throws -> BatchScore {
    try total((lossIsOwn ? grid.world : grid.data).sum(own))
  }
}
