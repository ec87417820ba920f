internal import AllReduceMPI
internal import AllReduceNN

/// The number of examples per step and of steps per epoch; the same on all ranks.
struct TrainingCourse {
  /// The number of examples per step, over all ranks.
  let globalBatchSize: Int
  /// The number of micro-batches per step, whose gradients are accumulated before they are exchanged.
  let parts: Int
  /// The assignment of examples to micro-batches: a batch of this sampler is one micro-batch of a step.
  let partSampler: EpochSampler
  /// The assignment of examples to steps.
  let sampler: EpochSampler
  /// The number of steps per epoch.
  let stepsPerEpoch: Int
  let epochs: Int

  /// The number of steps in all epochs.
  var steps: Int { stepsPerEpoch * epochs }

  /// Works out the steps of a training run.
  ///
  /// - Parameters:
  ///   - data: The training examples.
  ///   - globalBatchSize: The number of examples per step, over all ranks.
  ///   - words: The beginning of the error message if the batch is larger than the data.
  ///   - parts: The number of micro-batches per step.
  ///   - most: The maximum number of steps per epoch; nil for all.
  ///   - epochs: The number of passes over the data.
  ///   - seed: The seed of the order of the examples.
  /// - Throws: ``TrainingError`` if the batch is larger than the data, or cannot be cut into equal micro-batches.
  init(
    _ data: any Dataset, globalBatchSize: Int, _ words: String, parts: Int, most: Int?, epochs: Int,
    seed: UInt64
  ) throws {
    guard globalBatchSize <= data.count else {
      throw TrainingError.settings(
        "\(words) \(globalBatchSize) examples, but \(data.name) has only \(data.count): take a smaller batch."
      )
    }
    guard parts >= 1, globalBatchSize % parts == 0 else {
      throw TrainingError.settings(
        "The \(globalBatchSize) examples of a step cannot be cut into \(parts) equal parts to accumulate."
      )
    }
    self.globalBatchSize = globalBatchSize
    self.parts = parts
    sampler = EpochSampler(count: data.count, globalBatchSize: globalBatchSize, seed: seed)
    partSampler = EpochSampler(
      count: data.count, globalBatchSize: globalBatchSize / parts, seed: seed)
    stepsPerEpoch = min(most ?? sampler.stepsPerEpoch, sampler.stepsPerEpoch)
    self.epochs = epochs
  }

  /// Throws unless the run has the batch size, seed, number of examples and update method of the run that wrote the
  /// state.
  func check(_ state: TrainingState, _ data: any Dataset, method: String) throws {
    let kept = state.sampler
    try TrainingState.require(globalBatchSize, kept.globalBatchSize, "The global batch size is")
    try TrainingState.require(sampler.seed, kept.seed, "The seed is")
    try TrainingState.require(data.count, kept.count, "The number of examples of \(data.name) is")
    try TrainingState.require(method, state.optimizer, "The update is")
  }

  /// Returns the batches of ``partSampler`` that make up a step; the last step of an epoch may have fewer than
  /// ``parts``.
  func batches(ofStep step: Int) -> Range<Int> {
    step * parts..<min((step + 1) * parts, partSampler.stepsPerEpoch)
  }
}

extension TrainingState {
  /// Throws unless examples are read in the same way as in the run that wrote the checkpoint. Does nothing if either
  /// format is not known.
  static func requireEqual(
    _ now: ExampleFormat?, _ before: ExampleFormat?, _ name: String
  ) throws {
    guard let now, let before, now != before else { return }
    let what =
      now.columns != before.columns
      ? "columns" : now.classes != before.classes ? "classes" : "shape, target or scaling"
    throw TrainingError.settings(
      "\(name) does not have the same \(what) as in the run to resume from: resume with the same file, target and "
        + "test rows."
    )
  }

  /// Throws unless a run that resumes has the same value of a setting as the run that wrote the checkpoint.
  ///
  /// - Throws: ``TrainingError`` that names both values.
  package static func require<Value: Equatable>(
    _ now: Value, _ before: Value, _ words: String
  ) throws {
    guard now == before else {
      throw TrainingError.settings(
        "\(words) \(now), but the state to resume from is of a run with \(before): resume with the same."
      )
    }
  }
}
