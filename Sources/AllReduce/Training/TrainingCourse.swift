internal import AllReduceMPI
internal import AllReduceNN

/// How many examples a step has, and how many steps there are: the same on all ranks.
struct TrainingCourse {
  /// Examples of all ranks a step.
  let globalBatchSize: Int
  /// Parts of a step whose gradients are added up before they are exchanged.
  let parts: Int
  /// The assignment of examples to micro-batches: a batch of this sampler is one micro-batch of a step.
  let partSampler: EpochSampler
  /// The assignment of examples to steps.
  let sampler: EpochSampler
  /// Steps an epoch.
  let stepsPerEpoch: Int
  let epochs: Int

  /// All steps.
  var steps: Int { stepsPerEpoch * epochs }

  /// Plans a training run.
  ///
  /// - Parameters:
  ///   - data: The training examples.
  ///   - globalBatchSize: Examples of all ranks a step.
  ///   - words: The beginning of the message that refuses the number.
  ///   - parts: The number of micro-batches of a step.
  ///   - most: The largest number of steps of an epoch; nil for all.
  ///   - epochs: Passes over the data.
  ///   - seed: The seed of the order of examples.
  /// - Throws: ``TrainingError`` if that cannot be.
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

  /// Makes sure that a run resumes from a state with the same examples and the same method.
  func check(_ state: TrainingState, _ data: any Dataset, method: String) throws {
    let kept = state.sampler
    try TrainingState.require(globalBatchSize, kept.globalBatchSize, "The global batch size is")
    try TrainingState.require(sampler.seed, kept.seed, "The seed is")
    try TrainingState.require(data.count, kept.count, "The number of examples of \(data.name) is")
    try TrainingState.require(method, state.optimizer, "The update is")
  }

  /// The part sampler's batches that make a step; fewer than ``parts`` where an epoch ends.
  func batches(ofStep step: Int) -> Range<Int> {
    step * parts..<min((step + 1) * parts, partSampler.stepsPerEpoch)
  }
}

extension TrainingState {
  /// Makes sure that examples are read as in the run that the state is of; where either does not say how, nothing.
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

  /// Makes sure that a run that resumes from a state has the settings of the state's own run.
  ///
  /// - Throws: ``TrainingError`` that names both.
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
