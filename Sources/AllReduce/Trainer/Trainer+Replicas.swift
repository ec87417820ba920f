package import AllReduceNN

extension Trainer {
  /// The number of replicas; 1 if all ranks train synchronously.
  package var replicaCount: Int { ranks.count }

  /// Returns the sum of the replicas' scores, such as those of a step. Collective.
  ///
  /// - Parameter score: This replica's score, the same on all of its ranks.
  /// - Returns: The total over all replicas, the same on all ranks.
  /// - Throws: ``MPIError``.
  package func total(_ score: BatchScore) throws -> BatchScore {
    try ranks.peers?.sum(score) ?? score
  }

  /// Synchronizes the replicas now, even in the middle of a round: the weight changes of all replicas since their last
  /// exchange are combined into the global weights, from which all continue. Does nothing if replicas synchronize in
  /// every step. Collective.
  ///
  /// - Throws: ``MPIError``.
  public func meet() throws {
    guard let replicas else { return }
    try exchange.finish()
    try tally.counting { try replicas.meet() }
  }

  /// The number of steps from one synchronization of the replicas to the next; nil if replicas synchronize in every
  /// step, or have not measured yet how often they can.
  package var exchangeEvery: Int? { replicas?.schedule?.steps }

  /// The number of outer steps so far, each of one fragment of the weights; nil if replicas synchronize in every step.
  package var outerSteps: Int? { replicas?.outerSteps }

  /// Returns the mean cosine between the weight changes that two replicas combine, weighted by the lengths of the
  /// changes. Nil before the first exchange. Collective.
  ///
  /// Near 1, the replicas learn the same and could synchronize less often. Near 0, their changes are unrelated: the
  /// mean is shorter than each change by a factor of the square root of the number of replicas.
  ///
  /// - Returns: The same on all ranks of a replica. If each rank exchanges only a part of the weights, the mean over
  ///   the parts.
  /// - Throws: ``MPIError``.
  public func differenceCosine() throws -> Double? {
    guard let replicas, replicas.cosines.count > 0 else { return nil }
    return try replicas.sumOfCosines() / Double(replicas.cosines.count)
  }

  /// The fraction of this rank's step time that was not spent on exchanges between replicas; nil before the first step,
  /// or if replicas synchronize in every step.
  package var computeUtilisation: Double? {
    guard let replicas, stepSeconds > 0 else { return nil }
    return max(0, 1 - replicas.seconds / stepSeconds)
  }

  /// Returns the replicas' position in their round, for a checkpoint. Waits for an exchange in flight to complete.
  /// Collective.
  ///
  /// - Parameter score: This replica's score of the current epoch.
  /// - Returns: Nil if replicas synchronize in every step.
  /// - Throws: ``MPIError``.
  package func keepReplicas(epochScore score: BatchScore = BatchScore()) throws -> KeptReplicas? {
    try tally.counting { try replicas?.keep(score) }
  }

  /// Returns this replica's score of the current epoch from a training state.
  func score(in state: TrainingState) -> BatchScore {
    replicas?.score(in: state) ?? state.epochScore
  }

  /// Runs `body` while the network has the weights of the latest step or, if replicas do not synchronize in every step,
  /// the global weights. Collective.
  func withGlobalWeights<Result>(_ body: () throws -> Result) throws -> Result {
    try exchange.finish()
    guard let replicas else { return try body() }
    return try replicas.withGlobalWeights(body)
  }
}
