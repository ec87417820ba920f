internal import AllReduceMPI
internal import AllReduceNN

extension Trainer {
  /// The tensors that a ``Checkpoint`` keeps, with this rank's part of each: parameters and running averages,
  /// and the optimizer's state.
  ///
  /// The names and shapes are those of the whole network, whatever the plan: a training run may be resumed with a
  /// different one. Weights that a host has once are its first rank's. Call ``finish()`` first, and
  /// `keepReplicas(epochScore:)`.
  public var state: [StateTensor<Scalar>] {
    tensors(
      ofReplicas: replicas.map { _ in replicaCount }, hasDifference: replicas?.underWay != nil)
  }

  /// Those of a state with this many replicas; nil where all ranks trained synchronously.
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

  /// Resumes from a state of a checkpoint, on any number of ranks, under any plan. Collective.
  ///
  /// If the state has more or fewer replicas, replicas take the weights of those that it has, in turn.
  ///
  /// - Parameters:
  ///   - state: Where the training stands (``Checkpoint/readState(over:)``).
  ///   - checkpoint: The state's vectors.
  /// - Throws: ``AgreedError`` if the checkpoint is damaged, of a different network or optimizer, or if replicas cannot
  ///   resume their rounds from there; ``MPIError``.
  public func resume(_ state: TrainingState, from checkpoint: Checkpoint) throws {
    try resume(state) { try checkpoint.read(into: $0, over: world) }
  }

  /// Same as ``resume(_:from:)``, with what reads vectors of the state.
  func resume(_ state: TrainingState, _ read: ([StateTensor<Scalar>]) throws -> Void) throws {
    try replicas?.arrive()
    if let kept = state.replicas { try world.agreeing { try replicas?.check(kept) } }
    try read(
      tensors(ofReplicas: state.replicas?.count, hasDifference: state.replicas?.underWay != nil))
    try replicas?.resume(state.replicas)
    (nextStep, updates) = (state.randomStep, state.steps)
  }

  /// The checksum of all weights, of replicas the global ones, after making sure that ranks that hold the same have
  /// the same bits. Collective.
  ///
  /// - Returns: The same on all ranks; it depends on how many ranks the weights are sharded over.
  /// - Throws: ``AgreedError`` on every rank, with exit code 1, naming those that differ.
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
      let own = WeightChecksum.of(network)
      try grid.world.requireEqual(checksum: own, "weights")
      return own
    }
    let (whole, shards) = (checksum { $0.shard == nil }, checksum { $0.shard != nil })
    try grid.world.requireEqual(checksum: whole, "weights that are not sharded")
    try grid.data.requireEqual(checksum: shards, "weights of the same shard")
    let all = try grid.model.allGatherNatively(Int(truncatingIfNeeded: shards))
    return (all + [Int(truncatingIfNeeded: whole)]).withUnsafeBytes { WeightChecksum.of($0) }
  }

  private func checksum(_ isMeant: (Parameter<Scalar>) -> Bool) -> UInt64 {
    let sums = network.layout.parameters.filter(isMeant).map {
      WeightChecksum.of(UnsafeRawBufferPointer(UnsafeMutableRawBufferPointer($0.values.values)))
    }
    return sums.withUnsafeBytes { WeightChecksum.of($0) }
  }

  /// Every parameter of the whole network, of replicas the global weights, in the order of the forward pass.
  /// Collective; allocates memory for all weights.
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

  /// The sum of the squares of the whole gradient, each element counted once. Collective, after
  /// ``computeGradient(parts:_:)``.
  ///
  /// - Returns: The same on all ranks.
  /// - Throws: ``MPIError``.
  package func gradientSquares() throws -> Double { try exchange.gradientSquares() }
}

extension Network {
  /// Tells networks apart whose parameters, each taken whole, or seeds are different.
  var wholeFingerprint: UInt64 {
    let text =
      parameters.map { "\($0.name) \($0.wholeShape)" }.joined(separator: "\n")
      + " \(inputShape) \(pass.seed)"
    return Array(text.utf8).withUnsafeBytes { WeightChecksum.of($0) }
  }
}
