internal import AllReduceMPI
internal import AllReduceNN

extension Trainer {
  /// The tensors that a ``Checkpoint`` contains, with this rank's part of each: parameters, running averages, and the
  /// optimizer's state.
  ///
  /// The names and shapes are those of the whole network under any plan, so that a training run can be resumed with a
  /// different plan. If the ranks of a host share one copy of the weights, it belongs to the first of them. Call
  /// ``finish()`` first, and `keepReplicas(epochScore:)`.
  public var state: [StateTensor<Scalar>] {
    tensors(
      ofReplicas: replicas.map { _ in replicaCount }, hasDifference: replicas?.underWay != nil)
  }

  /// Returns the tensors of a checkpoint with `count` replicas; nil if all ranks trained synchronously. `hasDifference`
  /// is whether it contains an exchange in flight between the replicas.
  func tensors(ofReplicas count: Int?, hasDifference: Bool) -> [StateTensor<Scalar>] {
    let weights = network.parameters.map {
      $0.shard != nil || exchange.memory.answersForWeights
        ? StateTensor($0) : StateTensor<Scalar>($0.name, shape: $0.wholeShape, parts: [])
    }
    let inner = network.root.stateBuffers + exchange.stateTensors
    return replicas?.tensors(
      weights: weights, inner: inner, replicas: count, hasDifference: hasDifference)
      ?? weights + inner
  }

  /// Resumes from a checkpoint, on any number of ranks and with any plan. Collective.
  ///
  /// If the checkpoint has a different number n of replicas, replica i takes the weights of its replica i modulo n.
  ///
  /// - Parameters:
  ///   - state: The training state apart from its tensors (``Checkpoint/readState(over:)``).
  ///   - checkpoint: The checkpoint, from which the tensors are read.
  /// - Throws: ``AgreedError`` if the checkpoint is damaged, is of a different network or optimizer, or was written in
  ///   the middle of a round that these replicas cannot resume; ``MPIError``.
  public func resume(_ state: TrainingState, from checkpoint: Checkpoint) throws {
    try resume(state) { try checkpoint.read(into: $0, over: world) }
  }

  /// Same as ``resume(_:from:)``, with a function that reads the tensors of the checkpoint.
  func resume(_ state: TrainingState, _ read: ([StateTensor<Scalar>]) throws -> Void) throws {
    try replicas?.arrive()
    if let kept = state.replicas { try world.agreeing { try replicas?.check(kept) } }
    try read(
      tensors(ofReplicas: state.replicas?.count, hasDifference: state.replicas?.underWay != nil))
    let plan = state.plan.flatMap { try? Plan(json: $0, file: "the state") }
    try replicas?.resume(state.replicas, wasMeasured: plan?.meeting.every == .automatic)
    (nextStep, updates) = (state.randomStep, state.steps)
  }

  /// Returns the checksum of all weights (the global weights, if replicas do not synchronize in every step); throws
  /// unless all ranks that hold the same weights have the same bits. Collective.
  ///
  /// - Returns: The same on all ranks; it depends on the number of ranks that the weights are sharded over.
  /// - Throws: ``AgreedError`` on every rank, with exit code 1, naming the ranks that differ.
  package func checksum() throws -> UInt64 {
    try withGlobalWeights {
      let sum = try replicaChecksum()
      try ranks.peers?.requireEqual(checksum: sum, "global weights")
      return sum
    }
  }

  private func replicaChecksum() throws -> UInt64 {
    try finish()
    let isSharded = network.parameters.contains { $0.shard != nil }
    guard isSharded else {
      let own = Checksum.of(network)
      try grid.world.requireEqual(checksum: own, "weights")
      return own
    }
    let (whole, shards) = (checksum { $0.shard == nil }, checksum { $0.shard != nil })
    try grid.world.requireEqual(checksum: whole, "weights that are not sharded")
    try grid.data.requireEqual(checksum: shards, "weights of the same shard")
    let all = try grid.model.allGatherNatively(Int(truncatingIfNeeded: shards))
    return (all + [Int(truncatingIfNeeded: whole)]).withUnsafeBytes { Checksum.of($0) }
  }

  private func checksum(_ isMeant: (Parameter<Scalar>) -> Bool) -> UInt64 {
    let sums = network.layout.parameters.filter(isMeant).map { Checksum.of($0) }
    return sums.withUnsafeBytes { Checksum.of($0) }
  }

  /// Returns every parameter of the whole network, in the order of the forward pass; the global weights, if replicas do
  /// not synchronize in every step. Collective; allocates memory for all weights.
  ///
  /// - Returns: Names, values and gradients, the same on all ranks.
  /// - Throws: ``MPIError``.
  package func wholeParameters() throws -> [(name: String, values: [Scalar], gradient: [Scalar])] {
    try withGlobalWeights {
      try network.parameters.map {
        (
          $0.name, try $0.gathered(\.values, over: grid.model),
          try $0.gathered(\.gradient, over: grid.model)
        )
      }
    }
  }
}

extension Network {
  /// A hash of the names and whole (unsharded) shapes of the parameters, the input shape and the seed, by which ranks
  /// compare their networks.
  var wholeFingerprint: UInt64 {
    let text =
      parameters.map { "\($0.name) \($0.wholeShape)" }.joined(separator: "\n")
      + " \(inputShape) \(pass.seed)"
    return Checksum.of(text)
  }
}
