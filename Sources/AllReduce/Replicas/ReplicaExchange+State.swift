internal import AllReduceMPI
internal import AllReduceNN

extension ReplicaExchange {
  /// The tensors that are kept of all replicas, with this rank's part of each. Those of one network have the names that
  /// they have there: the global weights, and the first replica's other vectors. All else is below `replicas/`.
  ///
  /// - Parameters:
  ///   - weights: This replica's.
  ///   - inner: Its running averages and its optimizer's state.
  ///   - count: The replicas in the state; of one that is read with more or fewer, replicas take those that it has in
  ///     turn. Nil for the state of one network, from which all begin.
  ///   - hasDifference: Whether an exchange is under way.
  /// - Returns: The same names on all ranks.
  func tensors(
    weights: [StateTensor<Scalar>], inner: [StateTensor<Scalar>], replicas count: Int?,
    hasDifference: Bool
  ) -> [StateTensor<Scalar>] {
    let globals = tensors(global.weights(from: 0), "")
    guard let count else { return globals + inner }
    var all = globals
    for (name, values) in global.outer.state {
      // The vector begins with the first parameter.
      guard let first = values.baseAddress else { continue }
      all += tensors(first - global.outer.range.lowerBound, "replicas/outer/\(name)/")
    }
    if hasDifference, let first = global.differences.values.baseAddress {
      all += tensors(first, "replicas/difference/")
    }
    for replica in 0..<count {
      let isOwn = ranks.index % count == replica
      all += weights.map { $0.renamed("replicas/\(replica)/weights/\($0.name)", isHeld: isOwn) }
      let prefix = replica == 0 ? "" : "replicas/\(replica)/"
      all += inner.map { $0.renamed(prefix + $0.name, isHeld: isOwn) }
    }
    return all
  }

  /// The state tensors of a vector laid out as the weights are; this rank holds its own part of each fragment.
  private func tensors(
    _ first: UnsafeMutablePointer<Scalar>, _ prefix: String
  ) -> [StateTensor<Scalar>] {
    StateTensor.joined(
      fragments.map { fragment in
        global.outer.layout.stateTensors(
          of: UnsafeMutableBufferPointer(
            start: first + fragment.own.lowerBound, count: fragment.own.count), fragment.own,
          prefix: prefix)
      })
  }

  /// Where the replicas stand, after what is under way has arrived. Collective over all ranks.
  ///
  /// - Parameter score: This replica's of the present epoch.
  /// - Returns: The same on all ranks at one place of their replicas.
  /// - Throws: ``MPIError``.
  func keep(_ score: BatchScore) throws -> KeptReplicas {
    try arrive()
    // Only the sum is kept, not what each rank knows of it.
    if let underWay { countCosine(global.squares(fragments[underWay].own)) }
    let examples = try peers.allGather(fragments.map { Int64(self.examples - $0.examplesTaken) })
    let counts = try peers.allGather([Int64(score.examples), Int64(score.correct)])
    let losses = try peers.allGather([score.loss])
    let cosines = (sum: try sumOfCosines(), count: cosines.count)
    return KeptReplicas(
      count: ranks.count, steps: steps, start: start, every: schedule?.steps, underWay: underWay,
      figures: Array(figures.values.prefix(3)), outerSteps: outerSteps, cosines: cosines,
      stepsTaken: fragments.map(\.stepsTaken), examples: examples.map { Int($0) },
      scores: losses.indices.map {
        BatchScore(
          examples: Int(counts[2 * $0]), loss: losses[$0], correct: Int(counts[2 * $0 + 1]))
      })
  }

  /// Waits until what is under way has arrived; it is used when it is due. Collective over all ranks.
  func arrive() throws {
    if let underWay { try settle(fragments[underWay]) }
  }

  /// The sum of the cosines over the outer steps: the mean of the sums that the ranks of the replica have for their
  /// own parts. Collective over the replica.
  func sumOfCosines() throws -> Double {
    try ranks.own.allReduce(cosines.sum, .mean)
  }

  /// Makes sure that rounds can resume from a state.
  func check(_ kept: KeptReplicas) throws {
    if kept.isBetweenRounds { return }
    let isAlike =
      kept.stepsTaken.count == fragments.count && (schedule.map { $0.steps == kept.every } ?? true)
    guard isAlike else {
      throw TrainingError.settings(
        "The state to resume from is of replicas in the middle of a round of "
          + "\(kept.every.map(String.init) ?? "measured") steps and \(kept.stepsTaken.count) fragments, not "
          + "\(schedule.map { String($0.steps) } ?? "measured") steps and \(fragments.count): resume with the "
          + "same, or from a state at the end of a round.")
    }
  }

  /// Goes on from a state whose vectors are there. Collective over all ranks.
  ///
  /// - Parameter kept: Where its replicas stood; nil if they trained synchronously.
  /// - Throws: ``MPIError``.
  func resume(_ kept: KeptReplicas?) throws {
    guard let kept else {
      try sharing.wait()
      for fragment in fragments {
        global.give(fragment.own)
        try sharing.spread(fragment.elements)
      }
      return
    }
    (steps, start, outerSteps, cosines) = (kept.steps, kept.start, kept.outerSteps, kept.cosines)
    (examples, underWay) = (0, nil)
    if kept.isBetweenRounds {
      start = max(start, steps)
      for fragment in fragments { (fragment.stepsTaken, fragment.examplesTaken) = (steps, 0) }
    }
    guard kept.stepsTaken.count == fragments.count,
      kept.every == schedule?.steps || schedule == nil
    else { return }
    start = kept.start
    if schedule == nil, let every = kept.every {
      schedule = MeetingSchedule(
        turn: every / fragments.count, fragments: fragments.count, overlap: meeting.overlapSteps)
    }
    let replica = ranks.index % kept.count
    for (number, fragment) in fragments.enumerated() {
      fragment.stepsTaken = kept.stepsTaken[number]
      fragment.examplesTaken = -kept.examples[replica * fragments.count + number]
    }
    underWay = kept.underWay
    hasArrived = underWay != nil
    isCosineCounted = hasArrived
    _ = figures.values.update(fromContentsOf: kept.figures)
    figures.values[3] = 0
  }

  /// This replica's score of the present epoch in a state.
  func score(in state: TrainingState) -> BatchScore {
    if let kept = state.replicas, kept.count == ranks.count { return kept.scores[ranks.index] }
    return ranks.index == 0 ? state.epochScore : BatchScore()
  }
}
