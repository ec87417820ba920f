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

  private let trainer: any Trainer
  private let data: ClassificationData
  private let plan: TrainingPlan
  private let options: ClassifierOptions
  private let log: MetricsLog
  private let rates: LearningRateSchedule
  private var progress: ProgressNotes
  private let clock = ContinuousClock()
  private let start: ContinuousClock.Instant

  init(
    _ trainer: any Trainer, on data: ClassificationData, _ plan: TrainingPlan,
    _ options: ClassifierOptions, _ console: RankConsole, _ log: MetricsLog
  ) {
    self.trainer = trainer
    self.data = data
    self.plan = plan
    self.options = options
    self.log = log
    rates = options.learning.rates(steps: plan.steps)
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
      checksum = try trainer.checksum()
      testAccuracy.append(try evaluate(epoch: epoch))
    }
    log.flush()
  }

  private func takeStep(_ step: Int, epoch: Int) throws -> BatchScore {
    let begin = clock.now
    let rate = rates.rate(afterSteps: steps)
    guard
      let total = try trainer.takeStep(
        plan.parts(ofStep: step), epoch: epoch, number: steps + 1, rate: rate)
    else {
      throw ClassifierError.diverged(epoch: epoch + 1, step: step + 1, rate: rate)
    }
    steps += 1
    let end = clock.now
    times.add(seconds: (end - begin) / .seconds(1), examples: total.examples)
    log.add(
      step: steps, epoch: epoch + 1, seconds: (end - start) / .seconds(1), loss: total.meanLoss)
    return total
  }

  /// The part of the test examples that are classified right; each rank tries its part. Collective.
  @discardableResult
  private func evaluate(epoch: Int) throws -> Double {
    let total = try trainer.score(on: data.test)
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
