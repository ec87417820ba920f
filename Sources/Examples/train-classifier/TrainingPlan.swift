import AllReduce

/// How many examples a step has, and how many steps there are: the same on all ranks.
struct TrainingPlan {
  /// Examples of all ranks a step.
  let globalBatchSize: Int
  /// Parts of a step whose gradients are added up before they are exchanged.
  let parts: Int
  /// Which examples are in which part: a batch of the sampler is one part of a step.
  let sampler: EpochSampler
  /// Steps an epoch.
  let stepsPerEpoch: Int
  /// Passes over the data.
  let epochs: Int

  /// All steps.
  var steps: Int { stepsPerEpoch * epochs }

  init(
    _ options: ClassifierOptions, data: any Dataset, ranks: Int,
    goingOnFrom state: TrainingState? = nil
  ) throws {
    try state.map { try TrainingPlan.check($0, options, data) }
    let (batch, option) =
      if let kept = state?.sampler.globalBatchSize {
        (kept, "the checkpoint")
      } else if let global = options.globalBatchSize {
        (global, "--global-batch-size \(global)")
      } else {
        (
          (options.batchSize ?? 64) * ranks,
          "--batch-size \(options.batchSize ?? 64) on \(ranks) \(ranks == 1 ? "rank" : "ranks")"
        )
      }
    guard batch <= data.count else {
      throw ClassifierError.usage(
        "\(option) asks for \(batch) examples a step, but \(data.name) has only \(data.count).")
    }
    parts = options.accumulate
    guard batch % parts == 0 else {
      throw ClassifierError.usage(
        "--accumulate \(parts) cannot cut the \(batch) examples of a step into equal parts.")
    }
    globalBatchSize = batch
    sampler = EpochSampler(
      count: data.count, globalBatchSize: batch / parts, seed: options.seed)
    let all = (sampler.stepsPerEpoch + parts - 1) / parts
    stepsPerEpoch = min(options.steps ?? all, all)
    epochs = options.epochs
  }

  /// Makes sure that a run goes on with the same examples and the same rule.
  private static func check(
    _ state: TrainingState, _ options: ClassifierOptions, _ data: any Dataset
  ) throws {
    let kept = state.sampler
    func differs(_ now: String, _ before: String) -> ClassifierError {
      .usage(
        "\(now), but the checkpoint is of a run with \(before): --resume goes on with the same.")
    }
    if let batch = options.globalBatchSize, batch != kept.globalBatchSize {
      throw differs("--global-batch-size is \(batch)", "\(kept.globalBatchSize)")
    }
    if options.seed != kept.seed { throw differs("--seed is \(options.seed)", "\(kept.seed)") }
    if data.count != kept.count {
      throw differs("\(data.name) has \(data.count) examples", "\(kept.count)")
    }
    if options.learning.ruleWords != state.optimizer {
      throw differs("the update is \(options.learning.ruleWords)", state.optimizer)
    }
  }

  /// The sampler's batches that make a step; fewer than ``parts`` where an epoch ends.
  func parts(ofStep step: Int) -> Range<Int> {
    step * parts..<min((step + 1) * parts, sampler.stepsPerEpoch)
  }
}
