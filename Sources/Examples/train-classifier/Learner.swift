import AllReduce
import ExampleSupport

/// Gives a trainer its batches, step by step.
final class Learner {
  let trainer: Trainer<Float>
  /// One a shard that this rank computes one after the other.
  private let loaders: [BatchLoader<Float>]
  private let records: RunRecords
  /// Examples that this rank tries at once.
  private let testBatch: Int?

  /// Gets ready to train. Collective.
  init(
    _ layers: [any Layer<Float>], over world: Communicator, _ data: any Dataset, _ plan: Plan,
    _ training: TrainingPlan, _ options: ClassifierOptions, _ records: RunRecords
  ) throws {
    self.records = records
    trainer = try Trainer(
      Sequential(layers), input: data.exampleShape, plan: plan, over: world,
      optimizer: options.learning.rule,
      loss: SoftmaxCrossEntropy(labelSmoothing: options.learning.labelSmoothing),
      clipping: options.learning.clip.map { GradientClipping(maximumNorm: $0) },
      algorithm: options.algorithm, virtualShards: options.updating.reproducible,
      seed: options.seed)
    trainer.recorder = records.recorder
    let share = trainer.share
    let shards = (trainer.virtualShards ?? share.count) / share.count
    loaders = (0..<shards).map {
      BatchLoader(
        data, training.sampler, rank: share.index * shards + $0, of: share.count * shards)
    }
    testBatch =
      options.strategy == .data && options.plan == nil
      ? nil : (training.globalBatchSize + share.count - 1) / share.count
  }

  /// Learns from some batches of the sampler as one. Collective.
  ///
  /// - Parameters:
  ///   - parts: Which.
  ///   - epoch: From 0.
  ///   - rate: The learning rate.
  /// - Returns: The totals over all ranks; nil if the loss or the gradient is not finite.
  /// - Throws: What layers and exchanges throw.
  func takeStep(_ parts: Range<Int>, epoch: Int, rate: Double) throws -> BatchScore? {
    let skipped = trainer.skippedSteps
    let total = try trainer.step(parts: parts.count * loaders.count, learningRate: rate) { part in
      let batch = records.span("input") {
        loaders[part % loaders.count].batch(
          epoch: epoch, step: parts.lowerBound + part / loaders.count)
      }
      return (batch.inputs, .classes(batch.labels), batch.examples)
    }
    return trainer.skippedSteps == skipped ? total : nil
  }

  /// The score over all examples of a data set that is not learned from. Collective.
  func score(on data: any Dataset) throws -> BatchScore {
    try trainer.score(on: data, batchSize: testBatch)
  }
}
