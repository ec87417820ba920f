internal import AllReduceNN

extension DataParallel {
  /// What a ``Checkpoint`` keeps of the training, with this rank's part of each: the network's parameters and
  /// running averages, and what the optimizer remembers.
  ///
  /// The same names and shapes in every ``UpdateMode``, so a training may go on in another. Weights that a
  /// host has once are its first rank's.
  ///
  /// Read it when updates have ended: after ``finishUpdate()``, where they may not have.
  public var stateTensors: [StateTensor<Scalar>] {
    let weights = network.parameters.map {
      exchange.memory.answersForWeights
        ? StateTensor($0.name, whole: $0.values)
        : StateTensor<Scalar>($0.name, shape: $0.shape, parts: [])
    }
    let buffers = network.root.allBuffers.map { StateTensor($0.name, whole: $0.tensor) }
    return weights + buffers + exchange.stateTensors
  }
}
