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
  /// The weights' checksum, equal on all ranks.
  private(set) var checksum: UInt64 = 0
  /// Steps done.
  private(set) var steps = 0
  /// Those of them that an earlier run did.
  private(set) var firstStep = 0

  private let learner: Learner
  private var trainer: Trainer<Float> { learner.trainer }
  private let data: ClassificationData
  private let plan: TrainingPlan
  private let options: ClassifierOptions
  private let records: RunRecords
  private var log: MetricsLog?
  private let rates: LearningRateSchedule
  /// Where the training stands; counts are those of the last checkpoint until the next.
  private var state: TrainingState
  private var progress: ProgressNotes
  private let clock = ContinuousClock()
  private let start: ContinuousClock.Instant

  init(
    _ learner: Learner, on data: ClassificationData, _ plan: TrainingPlan,
    _ options: ClassifierOptions, _ console: RankConsole, _ records: RunRecords
  ) {
    self.learner = learner
    self.data = data
    self.plan = plan
    self.options = options
    self.records = records
    let resumed = records.resumed
    rates = resumed?.schedule ?? options.learning.rates(steps: plan.steps)
    state =
      resumed
      ?? TrainingState(
        sampler: EpochSampler(
          count: data.training.count, globalBatchSize: plan.globalBatchSize, seed: options.seed),
        optimizer: options.learning.ruleWords, schedule: rates)
    progress = ProgressNotes(on: console)
    start = clock.now
  }

  /// Runs all epochs. Collective.
  ///
  /// - Throws: ``ClassifierError`` if the loss is no number any more; ``UnequalRanksError`` if ranks'
  ///   weights differ after an epoch; what the communicator throws.
  func run(_ log: MetricsLog) throws {
    self.log = log
    checksum = try trainer.checksum()
    for epoch in state.epoch..<max(plan.epochs, state.epoch) {
      var total = state.epochScore
      for step in min(state.stepsOfEpoch, plan.stepsPerEpoch)..<plan.stepsPerEpoch {
        total += try records.span("step", steps + 1) { try takeStep(step, epoch: epoch) }
        if let every = options.evaluateEvery, steps % every == 0, step + 1 < plan.stepsPerEpoch {
          try evaluate(epoch: epoch)
        }
        tellProgress(epoch: epoch, step: step, loss: total.meanLoss)
        (state.stepsOfEpoch, state.epochScore) = (step + 1, total)
        if step + 1 < plan.stepsPerEpoch { try keepIfDue(endsEpoch: false, endsRun: false) }
      }
      trainLoss.append(total.meanLoss)
      checksum = try trainer.checksum()
      testAccuracy.append(try evaluate(epoch: epoch))
      (state.epoch, state.stepsOfEpoch, state.epochScore) = (epoch + 1, 0, BatchScore())
      try keepIfDue(endsEpoch: true, endsRun: epoch + 1 == plan.epochs)
    }
    log.flush()
  }

  /// Puts the run where the state that it goes on from was written, if there is one. Collective.
  ///
  /// - Throws: ``AgreedError`` if that is of another network, or damaged.
  func restore() throws {
    try records.restore(trainer.state, over: trainer.grid.world)
    (steps, firstStep) = (state.steps, state.steps)
    (trainer.nextStep, trainer.updates) = (state.randomStep, state.steps)
    (trainLoss, testAccuracy) = (state.trainLoss, state.testAccuracy)
  }

  private func keepIfDue(endsEpoch: Bool, endsRun: Bool) throws {
    guard records.isDue(afterSteps: steps, endsEpoch: endsEpoch, endsRun: endsRun) else { return }
    (state.steps, state.randomStep) = (steps, trainer.nextStep)
    (state.trainLoss, state.testAccuracy) = (trainLoss, testAccuracy)
    // Whoever goes on finds the lines of all steps up to the state's.
    log?.flush()
    try trainer.finish()
    try records.write(trainer.state, state, over: trainer.grid.world)
  }

  private func takeStep(_ step: Int, epoch: Int) throws -> BatchScore {
    let begin = clock.now
    let rate = rates.rate(afterSteps: steps)
    guard
      let total = try learner.takeStep(plan.parts(ofStep: step), epoch: epoch, rate: rate)
    else {
      throw ClassifierError.diverged(epoch: epoch + 1, step: step + 1, rate: rate)
    }
    steps += 1
    let end = clock.now
    times.add(seconds: (end - begin) / .seconds(1), examples: total.examples)
    log?.add(
      step: steps, epoch: epoch + 1, seconds: (end - start) / .seconds(1), loss: total.meanLoss)
    return total
  }

  /// The part of the test examples that are classified right; each rank tries its part. Collective.
  @discardableResult
  private func evaluate(epoch: Int) throws -> Double {
    let total = try records.span("evaluation") { try learner.score(on: data.test) }
    log?.add(
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
    let seconds = Int(passed / Double(steps - firstStep) * Double(plan.steps - steps))
    let rest = seconds % 60
    return "\(seconds / 60):\(rest < 10 ? "0" : "")\(rest)"
  }
}
