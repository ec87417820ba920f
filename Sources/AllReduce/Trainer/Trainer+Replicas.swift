package import AllReduceNN

extension Trainer {
  /// The number of replicas: 1 where all ranks train synchronously.
  package var replicaCount: Int { ranks.count }

  /// Adds up what the replicas found, such as the scores of their steps. Collective.
  ///
  /// - Parameter score: Of this replica, the same on all of its ranks.
  /// - Returns: The total over all replicas, the same on all ranks.
  /// - Throws: ``MPIError``.
  package func total(_ score: BatchScore) throws -> BatchScore {
    try ranks.peers?.sum(score) ?? score
  }

  /// Makes replicas meet now, wherever they are in a round: the global weights move by what each has learned since,
  /// and all continue from there. Does nothing where they meet in every step. Collective.
  ///
  /// - Throws: ``MPIError``.
  public func meet() throws {
    guard let replicas else { return }
    try exchange.finish()
    try tally.counting { try replicas.meet() }
  }

  /// The steps from one meeting of replicas to the next; nil where they meet in every step, or have not measured yet
  /// how often they can.
  package var exchangeEvery: Int? { replicas?.schedule?.steps }

  /// The outer steps so far, of a fragment each; nil where replicas meet in every step.
  package var outerSteps: Int? { replicas?.outerSteps }

  /// The mean cosine between what two replicas learned before they met, weighted by lengths; nil before any met.
  ///
  /// Near 1, they learn the same, and could meet less often. Near 0, their differences are unrelated: the mean is
  /// shorter than each by the root of their number. Collective.
  ///
  /// - Returns: The same on all ranks of a replica; where each carries a part of the weights, the mean over the parts.
  /// - Throws: ``MPIError``.
  public func differenceCosine() throws -> Double? {
    guard let replicas, replicas.cosines.count > 0 else { return nil }
    return try replicas.sumOfCosines() / Double(replicas.cosines.count)
  }

  /// The part of this rank's steps that was not spent on meetings; nil where replicas meet in every step.
  package var computeUtilisation: Double? {
    guard let replicas, stepSeconds > 0 else { return nil }
    return max(0, 1 - replicas.seconds / stepSeconds)
  }

  /// Where replicas stand, for a state; an exchange that is under way arrives first. Collective.
  ///
  /// - Parameter score: This replica's of the present epoch.
  /// - Returns: Nil where replicas meet in every step.
  /// - Throws: ``MPIError``.
  package func keepReplicas(epochScore score: BatchScore = BatchScore()) throws -> KeptReplicas? {
    try tally.counting { try replicas?.keep(score) }
  }

  /// This replica's score of the present epoch in a state.
  func score(in state: TrainingState) -> BatchScore {
    replicas?.score(in: state) ?? state.epochScore
  }

  /// Runs `body` while the network has the weights of the latest step, of replicas the global ones. Collective.
  func withGlobalWeights<Result>(_ body: () throws -> Result) throws -> Result {
    try exchange.finish()
    guard let replicas else { return try body() }
    return try replicas.withGlobalWeights(body)
  }
}
