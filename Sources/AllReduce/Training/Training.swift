public import AllReduceMPI
public import AllReduceNN

/// Trains a network for some epochs: the loop around a ``Trainer``'s steps.
///
/// It makes each rank's batches, sets the learning rate, evaluates after every epoch on the test examples, and writes
/// what it is asked to: a log, a state to resume from, a timeline.
///
/// ```swift
/// let training = Training(trainer, data, globalBatchSize: 60)
/// training.schedule = .cosine(from: 0.01, over: 1000)
/// training.checkpoints = Checkpoints(folder: "state", everySteps: 200)
/// try training.run(epochs: 20)
/// print(training.testAccuracy.last!)
/// ```
///
/// Construct it identically on every rank, with the same data.
public final class Training<Scalar: NetworkScalar & ReducibleScalar> {
  /// The trainer that takes the steps.
  package let trainer: Trainer<Scalar>
  /// The training and the test examples.
  package let data: TrainingData

  // MARK: Settings, the same on all ranks; read when the run begins

  /// The learning rate over the steps. A run that is resumed keeps the schedule that it had.
  public var schedule: LearningRateSchedule = .constant(0.05)
  /// Gradient accumulation: the number of micro-batches that each rank splits its batch into. Gradients are exchanged
  /// once, after the last.
  public var accumulation = 1
  /// The largest number of steps of an epoch; nil for all.
  public var stepsPerEpoch: Int?
  /// Also evaluates whenever the number of steps is a multiple of this; nil for only at the end of epochs.
  public var evaluatesEverySteps: Int?
  /// Ends the run when the test accuracy no longer grows, or where targets are numbers the test loss no longer falls.
  public var earlyStopping: EarlyStopping?
  /// Where the state is kept, and whether to resume from it.
  public var checkpoints: Checkpoints?
  /// A rank that is slowed down; nil for none.
  package var straggler: Straggler?
  /// Compares what ranks hold in common, bit for bit, whenever this many steps are done (``Trainer/checkCopies()``);
  /// nil for at the end of epochs alone.
  package var checksCopiesEvery: Int?
  /// Skips the update of a step whose loss is NaN or infinite, instead of ending the run; a hundred of them in a row
  /// end it.
  package var skipsNonFinite = false
  /// Called with the state that a run is resumed from, before any of it is used; throws to refuse it.
  /// What the state and this run both have, such as the seed, is compared in any case.
  package var checkResumed: ((TrainingState) throws -> Void)?
  /// The layers as the programs' option `--layers` describes them; the state keeps the description, so that other
  /// programs can construct the network.
  package var layerWords: String?
  /// A file with a line of JSON for each step (`docs/schemas.md`).
  public var log: String?
  /// A folder for a file of scalars that TensorBoard reads.
  package var tensorBoard: String?
  /// A file for a timeline of all ranks (``TraceFile``).
  public var trace: String?
  /// The predicted time of a step: after ``PredictionCheck/steps`` steps it is compared with the measured one. Nil for
  /// no comparison.
  package var prediction: StepPrediction?
  /// Called after each step.
  package var afterStep: (() throws -> Void)?
  /// Called with a line of progress every few seconds, on rank 0.
  public var progress: ((String) -> Void)? {
    get { writers.write }
    set { writers.write = newValue }
  }
  /// Where lines of progress go.
  package var writers = ProgressWriters()

  // MARK: Results

  /// The mean loss of each epoch.
  public internal(set) var trainLoss: [Double] = []
  /// The accuracy on the test examples after each epoch.
  public internal(set) var testAccuracy: [Double] = []
  /// Whether the run has written its state and ended before its last step, as a signal to one of its processes or a
  /// file `stop` in the folder of its states asked: resume it.
  public internal(set) var isStopped = false
  /// The mean loss on the test examples after each epoch.
  public internal(set) var testLoss: [Double] = []
  /// Steps done, by earlier runs too.
  package internal(set) var steps = 0
  /// The steps of earlier runs.
  package internal(set) var firstStep = 0
  /// How long steps took.
  package internal(set) var times = StepTimes()
  /// Where the seconds of all attempts at this training went, on rank 0.
  package internal(set) var secondsSpent = WorkProgress.Seconds()
  /// The checksum of the weights, equal on all ranks (``Trainer/checksum()``).
  package internal(set) var checksum: UInt64 = 0
  /// The examples of all ranks a step.
  package internal(set) var globalBatchSize: Int

  /// Below this mean cosine between what replicas learned, a note advises to meet more often: the mean of two is then
  /// little longer than it would be at right angles, by chance.
  private static var leastCosine: Double { 0.1 }

  var skippedInARow = 0
  /// The seconds of passes and of updates when the steps that are compared began.
  var comparesFrom: (steps: Int, seconds: Double, compute: Double, update: Double)?
  private let asksForBatch: Bool
  private let seed: UInt64
  let clock = ContinuousClock()

  /// Joins a trainer and data. Nothing is read yet.
  ///
  /// - Parameters:
  ///   - trainer: The trainer that takes the steps.
  ///   - data: The training and the test examples, of the shape of the trainer's input.
  ///   - globalBatchSize: The examples of all ranks in a step.
  ///   - seed: The seed of the order of the examples.
  public init(
    _ trainer: Trainer<Scalar>, _ data: TrainingData, globalBatchSize: Int, seed: UInt64 = 1
  ) {
    (self.trainer, self.data, self.globalBatchSize, self.seed) = (
      trainer, data, globalBatchSize, seed
    )
    asksForBatch = true
  }

  /// Same as ``init(_:_:globalBatchSize:seed:)``, with a batch that grows with the ranks: `batchSize` examples of each
  /// rank in a step. A run that is resumed keeps the global batch that it had.
  public init(
    _ trainer: Trainer<Scalar>, _ data: TrainingData, batchSize: Int = 64, seed: UInt64 = 1
  ) {
    (self.trainer, self.data, self.seed) = (trainer, data, seed)
    globalBatchSize = batchSize * trainer.world.size
    asksForBatch = false
  }

  /// The steps of a number of epochs, for a schedule over all of them.
  package func stepCount(epochs: Int) -> Int {
    let all = (data.training.count + globalBatchSize - 1) / max(globalBatchSize, 1)
    return min(stepsPerEpoch ?? all, all) * epochs
  }

  /// Runs all epochs, or those that are left of a run that is resumed. Collective.
  ///
  /// - Parameter epochs: Passes over the data.
  /// - Throws: ``AgreedError`` of a `TrainingError`, or of files that cannot be read or written; the
  ///   errors of ``Trainer/step(_:learningRate:)``.
  public func run(epochs: Int) throws {
    let world = trainer.world
    let records = try TrainingRecords(checkpoints, trace: trace, over: world) { [self] in
      progress?($0)
    }
    let course = try world.agreeing { try self.course(epochs, records.resumed) }
    globalBatchSize = course.globalBatchSize
    try requireEqualSettings(course, over: world)
    var state =
      records.resumed
      ?? TrainingState(sampler: course.sampler, optimizer: trainer.method, schedule: schedule)
    trainer.recorder = records.recorder
    let notes = try records.restore(trainer)
    records.prepareCopy(of: trainer.state, epochs: epochs - state.epoch)
    if let resumed = records.resumed { resume(resumed, notes) }
    state.epochScore = trainer.score(in: state)
    (state.layers, state.layerWords) = (trainer.layers, layerWords ?? state.layerWords)
    state.plan = trainer.plan.json
    state.examples = data.keptFormat ?? state.examples
    // The log of the run is touched only now, after all checks of the state.
    let log = try world.agreeing {
      try MetricsLog(
        path: self.log, tensorBoard: tensorBoard, isRoot: world.isRoot, keepingSteps: firstStep)
    }
    var run = Run(
      course: course, records: records, log: log, input: input(course),
      progress: Progress(world.isRoot ? writers : nil, since: clock.now), start: clock.now,
      wishes: checkpoints.map {
        RunWishes(folder: world.isRoot ? $0.folder : nil, isDue: records.isWorthSaving)
      })
    (trainer.hasWishes, isStopped) = (run.wishes != nil, false)
    checksum = try trainer.checksum()
    defer { trainer.ownWish = .none }
    for epoch in state.epoch..<max(epochs, state.epoch) {
      try runEpoch(epoch, &state, &run)
      if isStopped || endsEarly { break }
    }
    if let cosine = try trainer.differenceCosine(), cosine < Training.leastCosine {
      progress?(
        "The replicas' updates between meetings barely agree in direction (mean cosine \(Progress.text(cosine))): "
          + "let them meet more often.")
    }
    try records.finish(of: Scalar.self, over: world)
    secondsSpent = records.ledger?.seconds ?? secondsSpent
    WorkProgress.hide()
    try world.agreeing { try log.finish() }
    var slowest = [times.total]
    try world.allReduce(&slowest, .maximum)
    times.total = slowest[0]
    let leftOut = try records.finishTrace()
    if leftOut > 0 { progress?("The trace is full: \(leftOut) later spans are not in it.") }
  }

  /// The state of a run.
  struct Run {
    let course: TrainingCourse
    let records: TrainingRecords
    let log: MetricsLog
    /// One a shard that this rank computes one after the other.
    let input: [BatchLoader<Scalar>]
    var progress: Progress
    let start: ContinuousClock.Instant
    /// Nil where no state is kept.
    let wishes: RunWishes?
  }

  private func course(_ epochs: Int, _ resumed: TrainingState?) throws -> TrainingCourse {
    if let straggler, straggler.rank >= trainer.world.size {
      throw TrainingError.settings(
        "The straggler is rank \(straggler.rank), but the last rank is \(trainer.world.size - 1).")
    }
    if trainer.virtualShards != nil, accumulation > 1 {
      throw TrainingError.settings(
        "Virtual shards cut batches themselves: leave accumulation at 1, not \(accumulation).")
    }
    let kept = asksForBatch ? nil : resumed?.sampler.globalBatchSize
    let course = try TrainingCourse(
      data.training, globalBatchSize: kept ?? globalBatchSize,
      kept == nil ? "A step of all ranks takes" : "A step of the state to resume from takes",
      parts: accumulation, most: stepsPerEpoch, epochs: epochs, seed: seed)
    if let resumed {
      try course.check(resumed, data.training, method: trainer.method)
      try TrainingState.requireEqual(data.keptFormat, resumed.examples, data.training.name)
      try checkResumed?(resumed)
    }
    return course
  }

  private func requireEqualSettings(_ course: TrainingCourse, over world: Communicator) throws {
    try world.requireEqual(
      "examples a step: \(course.globalBatchSize)\nparts: \(course.parts)\nepochs: \(course.epochs)\n"
        + "steps an epoch: \(course.stepsPerEpoch)\nseed: \(seed)\nlearning rate: \(schedule)\n"
        + "evaluates every: \(evaluatesEverySteps ?? 0)\n"
        + "early stopping: \(earlyStopping.map { "\($0)" } ?? "none")\n"
        + "checkpoints: \(checkpoints.map { "\($0)" } ?? "none")\ntrace: \(trace ?? "none")",
      "settings of the training", exitCode: 64)
    try world.requireEqual(
      "\(data.training.digest) to learn from\n\(data.test.digest) to test on", "data", exitCode: 65)
  }

  private func input(_ course: TrainingCourse) -> [BatchLoader<Scalar>] {
    let share = trainer.share
    let shards = (trainer.virtualShards ?? share.count) / share.count
    return (0..<shards).map {
      BatchLoader(
        data.training, course.partSampler, rank: share.index * shards + $0,
        of: share.count * shards,
        // The disk is waited for while the step before is computed.
        prefetches: data.training is MappedDataset)
    }
  }

  private func resume(_ state: TrainingState, _ notes: [String]) {
    for note in notes { progress?(note) }
    schedule = state.schedule
    (steps, firstStep) = (state.steps, state.steps)
    (trainLoss, testAccuracy, testLoss) = (state.trainLoss, state.testAccuracy, state.testLoss)
    progress?(
      "Resumes after step \(steps), with \(globalBatchSize) examples of all ranks a step.")
  }
}
