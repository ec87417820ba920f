import AllReduce
import ExampleSupport

/// Trains a network on the examples of all ranks.
final class Training {
  /// The mean loss of each epoch.
  private(set) var trainLoss: [Double] = []
  /// The part of the test examples that was classified right, after each epoch.
  private(set) var testAccuracy: [Double] = []
  /// How long steps took.
  private(set) var times = StepTimes()
  /// Seconds spent on updates of the weights.
  private(set) var updateSeconds = 0.0
  /// The weights' checksum, equal on all ranks.
  private(set) var checksum: UInt64 = 0
  /// Steps done.
  private(set) var steps = 0

  private let parallel: DataParallel<Float>
  private let data: ClassificationData
  private let plan: TrainingPlan
  private let options: ClassifierOptions
  private let log: MetricsLog
  /// One a shard that this rank computes one after the other.
  private let loaders: [BatchLoader<Float>]
  private let rates: LearningRateSchedule
  private let loss: SoftmaxCrossEntropy<Float>
  private var progress: ProgressNotes
  private let clock = ContinuousClock()
  private let start: ContinuousClock.Instant

  init(
    _ parallel: DataParallel<Float>, on data: ClassificationData, _ plan: TrainingPlan,
    _ options: ClassifierOptions, _ console: RankConsole, _ log: MetricsLog
  ) {
    self.parallel = parallel
    self.data = data
    self.plan = plan
    self.options = options
    self.log = log
    let world = parallel.communicator
    let shards = (parallel.virtualShards ?? world.size) / world.size
    loaders = (0..<shards).map {
      BatchLoader(
        data.training, plan.sampler, rank: world.rank * shards + $0, of: world.size * shards)
    }
    rates = options.learning.rates(steps: plan.steps)
    loss = SoftmaxCrossEntropy(labelSmoothing: options.learning.labelSmoothing)
    progress = ProgressNotes(on: console)
    start = clock.now
  }

  /// Runs all epochs. Collective.
  ///
  /// - Throws: ``ClassifierError`` if the loss is no number any more; ``UnequalRanksError`` if ranks'
  ///   weights differ after an epoch; what the communicator throws.
  func run() throws {
    for epoch in 0..<plan.epochs {
      var total = BatchScore()
      for step in 0..<plan.stepsPerEpoch {
        total += try takeStep(step, epoch: epoch)
        if let every = options.evaluateEvery, steps % every == 0, step + 1 < plan.stepsPerEpoch {
          try evaluate(epoch: epoch)
        }
        tellProgress(epoch: epoch, step: step, loss: total.meanLoss)
      }
      trainLoss.append(total.meanLoss)
      checksum = try parallel.checksum()
      testAccuracy.append(try evaluate(epoch: epoch))
    }
    log.flush()
  }

  private func takeStep(_ step: Int, epoch: Int) throws -> BatchScore {
    let begin = clock.now
    let parts = plan.parts(ofStep: step)
    let total = try parallel.step(microBatches: parts.count * loaders.count) { part in
      let batch = loaders[part % loaders.count]
        .batch(epoch: epoch, step: parts.lowerBound + part / loaders.count)
      parallel.network.pass.examples = batch.examples
      return try parallel.forward(batch.inputs, .classes(UnsafeBufferPointer(batch.labels)), loss)
    }
    let rate = rates.rate(afterSteps: steps)
    let reduced = clock.now
    steps += 1
    guard total.loss.isFinite,
      try parallel.update(
        learningRate: rate,
        clipping: options.learning.clip.map { GradientClipping(maximumNorm: $0) })
    else {
      throw ClassifierError.diverged(epoch: epoch + 1, step: step + 1, rate: rate)
    }
    let end = clock.now
    updateSeconds += (end - reduced) / .seconds(1)
    times.add(seconds: (end - begin) / .seconds(1), examples: total.examples)
    log.add(
      step: steps, epoch: epoch + 1, seconds: (end - start) / .seconds(1), loss: total.meanLoss)
    return total
  }

  /// The part of the test examples that are classified right; each rank tries its part. Collective.
  @discardableResult
  private func evaluate(epoch: Int) throws -> Double {
    let total = try Evaluation.run(parallel, on: data.test)
    log.add(
      step: steps, epoch: epoch + 1, seconds: (clock.now - start) / .seconds(1), loss: nil,
      testAccuracy: total.accuracy)
    return total.accuracy
  }

  private func tellProgress(epoch: Int, step: Int, loss: Double) {
    progress.update(
      "epoch \(epoch + 1) of \(plan.epochs), step \((step + 1).grouped) of "
        + "\(plan.stepsPerEpoch.grouped): loss \(loss.formatted(digits: 4)), "
        + "\(Int(times.examplesPerSecond ?? 0).grouped) images/s, \(timeLeft) left")
  }

  private var timeLeft: String {
    let passed = (clock.now - start) / .seconds(1)
    let seconds = Int(passed / Double(steps) * Double(plan.steps - steps))
    let rest = seconds % 60
    return "\(seconds / 60):\(rest < 10 ? "0" : "")\(rest)"
  }
}
