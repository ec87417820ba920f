internal import AllReduceMPI
internal import AllReduceNN

extension ReplicaExchange {
  /// Returns the tensors of a checkpoint of all replicas, with the parts that this rank holds. The global weights, and
  /// the first replica's other vectors, have the names that a checkpoint of one network has for them. All other names
  /// begin with `replicas/`.
  ///
  /// - Parameters:
  ///   - weights: This replica's weights.
  ///   - inner: This replica's running averages and the state of its optimizer.
  ///   - count: The number of replicas in the checkpoint. If a checkpoint is read with a different number of replicas,
  ///     replica i takes the vectors of replica i modulo `count`. Nil for the checkpoint of one network, from which all
  ///     replicas begin.
  ///   - hasDifference: Whether an exchange is in flight, whose summed difference is a part of the checkpoint.
  /// - Returns: The tensors, with the same names on all ranks.
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

  /// Returns the state tensors of a vector that has the layout of the weights; this rank holds its own part of each
  /// fragment.
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

  /// Returns the checksums of the global weights, for each parameter of what this rank exchanges of it.
  func globalChecksums(_ layout: ParameterLayout<Scalar>) -> [UInt64] {
    layout.ranges.map { range in
      let sums = fragments.map { fragment in
        let own = fragment.own.clamped(to: range)
        return Checksum.of(
          UnsafeRawBufferPointer(
            UnsafeBufferPointer(start: global.weights(from: own.lowerBound), count: own.count)))
      }
      return sums.withUnsafeBytes { Checksum.of($0) }
    }
  }

  /// Returns the progress of the replicas, after the exchange in flight has completed. Collective over all ranks.
  ///
  /// - Parameter score: This replica's score of the present epoch so far.
  /// - Returns: The progress, the same on all ranks that have the same place in their replicas.
  /// - Throws: ``MPIError``.
  func keep(_ score: BatchScore) throws -> KeptReplicas {
    try arrive()
    // Counts the cosine of the exchange in flight now, so that the checkpoint's sum of cosines includes it.
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

  /// Waits until the exchange in flight has completed; its result is applied later, when it is due. Collective over all
  /// ranks.
  func arrive() throws {
    if let underWay { try settle(fragments[underWay]) }
  }

  /// Returns the sum of the cosines over the outer steps, as the mean over the ranks of this replica, each of which has
  /// the sum for its own part of the weights. Collective over the replica.
  func sumOfCosines() throws -> Double {
    try ranks.own.allReduce(cosines.sum, .mean)
  }

  /// Checks that rounds can resume from a checkpoint.
  ///
  /// - Throws: `TrainingError` if the checkpoint is from the middle of a round with a different number of steps or
  ///   fragments.
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

  /// Resumes from a checkpoint whose vectors have been loaded. Collective over all ranks.
  ///
  /// - Parameters:
  ///   - kept: The progress of the replicas in the checkpoint; nil if its ranks trained synchronously.
  ///   - wasMeasured: Whether the checkpoint's interval was measured. An interval that is to be measured takes the
  ///     checkpoint's only then, or in the middle of a round.
  /// - Throws: ``MPIError``.
  func resume(_ kept: KeptReplicas?, wasMeasured: Bool) throws {
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
      start = max(meeting.warmUpSteps, steps)
      for fragment in fragments { (fragment.stepsTaken, fragment.examplesTaken) = (steps, 0) }
    }
    guard kept.stepsTaken.count == fragments.count,
      kept.every == schedule?.steps || schedule == nil && (wasMeasured || !kept.isBetweenRounds)
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
    // The warm-up may be shorter than that of the run before.
    start = min(start, max(steps, meeting.warmUpSteps))
    underWay = kept.underWay
    hasArrived = underWay != nil
    isCosineCounted = hasArrived
    _ = figures.values.update(fromContentsOf: kept.figures)
    figures.values[3] = 0
  }

  /// Returns this replica's score of the present epoch in a checkpoint; with a different number of replicas, replica 0
  /// has the whole score.
  func score(in state: TrainingState) -> BatchScore {
    if let kept = state.replicas, kept.count == ranks.count { return kept.scores[ranks.index] }
    return ranks.index == 0 ? state.epochScore : BatchScore()
  }
}
