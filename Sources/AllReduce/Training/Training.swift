public import AllReduceMPI
public import AllReduceNN

/// Trains a network for a number of epochs: the loop around a ``Trainer``'s steps.
///
/// It makes each rank's batches, sets the learning rate, and evaluates the test examples after every epoch. If asked
/// to, it writes a log, checkpoints to resume from, and a timeline.
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

  /// The learning rate as a function of the step. A resumed run keeps the schedule of its checkpoint.
  public var schedule: LearningRateSchedule = .constant(0.05)
  /// Gradient accumulation: the number of micro-batches that each rank splits its batch into. Gradients are exchanged
  /// once, after the last micro-batch.
  public var accumulation = 1
  /// The maximum number of steps per epoch; nil for all.
  public var stepsPerEpoch: Int?
  /// Also evaluates within an epoch, whenever the number of steps is a multiple of this; nil to evaluate only at the
  /// end of each epoch.
  public var evaluatesEverySteps: Int?
  /// Ends the run when the test accuracy (or the test loss, if the targets are numbers) has stopped improving; nil to
  /// run all epochs.
  public var earlyStopping: EarlyStopping?
  /// Where and how often checkpoints are written, and whether to resume from one; nil for no checkpoints.
  public var checkpoints: Checkpoints?
  /// A rank that is slowed down on purpose; nil for none.
  package var straggler: Straggler?
  /// The number of steps between bitwise comparisons of the ranks' copies of the same weights; nil to compare them only
  /// at the end of each epoch.
  public var checksCopiesEvery: Int?
  /// The number of steps from one step whose gradient is computed twice and compared, bit for bit, to the next; nil for
  /// none. A rank that gets another gradient has faulty memory or a faulty processor, which is reported with its number.
  public var replaysEvery: Int?
  /// Whether a step whose loss is NaN or infinite is skipped, without an update, instead of ending the run. A hundred
  /// such steps in a row end the run.
  public var skipsNonFinite = false
  /// Called before a run resumes, with the stored training state; throws to refuse that state. Stored settings such as
  /// the seed are always compared with those of this run.
  package var checkResumed: ((TrainingState) throws -> Void)?
  /// The layers in the form of the programs' option `--layers`. It is stored in checkpoints, so that other programs can
  /// construct the network.
  package var layerWords: String?
  /// The path of a log with a line of JSON for each step (`docs/schemas.md`); nil for no log.
  public var log: String?
  /// The folder for a file of scalars that TensorBoard reads; nil for none.
  package var tensorBoard: String?
  /// The path for a timeline of all ranks (``TraceFile``); nil for none.
  public var trace: String?
  /// The predicted time of a step, which is compared with the measured time after ``PredictionCheck/steps`` steps; nil
  /// for no comparison.
  package var prediction: StepPrediction?
  /// Called after each step; returns what ranks that do not train ask for.
  package var afterStep: (() throws -> StepRequest)?
  /// Called with a line of progress every few seconds, on rank 0, and with warnings and notes: those about checkpoint
  /// files on rank 0, the others on every rank.
  public var progress: ((String) -> Void)? {
    get { writers.write }
    set { writers.write = newValue }
  }
  /// The functions that receive lines of progress.
  package var writers = ProgressWriters()

  // MARK: Results

  /// The mean training loss of each epoch.
  public internal(set) var trainLoss: [Double] = []
  /// The accuracy on the test examples after each epoch.
  public internal(set) var testAccuracy: [Double] = []
  /// Whether the run stopped before its last step, after writing a checkpoint to resume from. A run with
  /// ``checkpoints`` does so if one of its processes gets SIGTERM or SIGUSR1, or if a file `stop` is put into the
  /// checkpoint folder.
  public internal(set) var isStopped = false
  /// The mean loss on the test examples after each epoch.
  public internal(set) var testLoss: [Double] = []
  /// The number of steps done, including those of earlier runs that this one resumes.
  package internal(set) var steps = 0
  /// The number of steps done by earlier runs.
  package internal(set) var firstStep = 0
  /// The durations of this run's steps.
  package internal(set) var times = StepTimes()
  /// How the time of all attempts at this run was spent, in seconds; on rank 0.
  package internal(set) var secondsSpent = WorkProgress.Seconds()
  /// The checksum of the weights, equal on all ranks (``Trainer/checksum()``).
  package internal(set) var checksum: UInt64 = 0
  /// The number of examples per step, over all ranks.
  package internal(set) var globalBatchSize: Int

  /// The mean cosine between two replicas' weight changes below which a note advises to synchronize replicas more
  /// often. The mean of two such changes is hardly longer than that of two unrelated, orthogonal ones.
  private static var leastCosine: Double { 0.1 }

  var skippedInARow = 0
  /// What ranks that do not train have asked this rank for.
  var requestOfOthers = StepRequest.none
  /// Where the comparison with the prediction begins: the number of steps before it, the seconds of steps since then,
  /// and the trainer's seconds of passes and of updates before it.
  var comparesFrom: (steps: Int, seconds: Double, compute: Double, update: Double)?
  private let asksForBatch: Bool
  private let seed: UInt64
  let clock = ContinuousClock()

  /// Creates a training loop from a trainer and data. Nothing is read yet.
  ///
  /// - Parameters:
  ///   - trainer: The trainer that takes the steps.
  ///   - data: The training and the test examples, of the shape of the trainer's input.
  ///   - globalBatchSize: The number of examples per step, over all ranks.
  ///   - seed: The seed of the order of the examples.
  public init(
    _ trainer: Trainer<Scalar>, _ data: TrainingData, globalBatchSize: Int, seed: UInt64 = 1
  ) {
    (self.trainer, self.data, self.globalBatchSize, self.seed) = (
      trainer, data, globalBatchSize, seed
    )
    asksForBatch = true
  }

  /// Same as ``init(_:_:globalBatchSize:seed:)``, with `batchSize` examples per rank and step, so that the global batch
  /// grows with the number of ranks. A resumed run keeps the global batch size of its checkpoint.
  public init(
    _ trainer: Trainer<Scalar>, _ data: TrainingData, batchSize: Int = 64, seed: UInt64 = 1
  ) {
    (self.trainer, self.data, self.seed) = (trainer, data, seed)
    globalBatchSize = batchSize * trainer.world.size
    asksForBatch = false
  }

  /// Returns the number of steps in `epochs` epochs, for a learning rate schedule over all of them.
  package func stepCount(epochs: Int) -> Int {
    let all = (data.training.count + globalBatchSize - 1) / max(globalBatchSize, 1)
    return min(stepsPerEpoch ?? all, all) * epochs
  }

  /// Runs all epochs or, if the run is resumed, the remaining ones. Collective.
  ///
  /// - Parameter epochs: The number of passes over the data, including those of earlier runs.
  /// - Throws: ``AgreedError`` with a `TrainingError`, or if a file cannot be read or written; the errors of
  ///   ``Trainer/step(_:learningRate:)``.
  public func run(epochs: Int) throws {
    let world = trainer.world
    let records = try TrainingRecords(checkpoints, trace: trace, over: world) { [self] in
      TrainingRecords.tell($0, progress)
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
    // An existing log is changed only now, after all checks of the checkpoint.
    let log = try world.agreeing {
      try MetricsLog(
        path: self.log, tensorBoard: tensorBoard, isRoot: world.isRoot, keepingSteps: firstStep
      ) { [self] in TrainingRecords.tell($0, progress) }
    }
    var run = Run(
      course: course, records: records, log: log, input: input(course),
      progress: Progress(world.isRoot ? writers : nil, since: clock.now), start: clock.now,
      stepRequests: checkpoints.map {
        RunRequests(
          folder: world.isRoot ? $0.folder : nil, isDue: records.isWorthSaving,
          isWriting: { records.isWriting(of: Scalar.self) })
      })
    (trainer.hasStepRequests, isStopped) = (run.stepRequests != nil, false)
    requestOfOthers = .none
    checksum = try trainer.checksum()
    defer { trainer.ownRequest = .none }
    for epoch in state.epoch..<max(epochs, state.epoch) {
      // Also true at once for a resumed run that had ended early.
      if isStopped || endsEarly { break }
      try runEpoch(epoch, &state, &run)
    }
    if let cosine = try trainer.differenceCosine(), cosine < Training.leastCosine {
      progress?(
        "The replicas' updates between meetings barely agree in direction (mean cosine \(Progress.text(cosine))): "
          + "let them meet more often.")
    }
    try records.finish(of: Scalar.self, over: world)
    secondsSpent = records.ledger?.seconds ?? secondsSpent
    WorkProgress.hide()
    log.finish()
    var slowest = [times.total]
    try world.allReduce(&slowest, .maximum)
    times.total = slowest[0]
    let leftOut = try records.finishTrace()
    if leftOut > 0 { progress?("The trace is full: \(leftOut) later spans are not in it.") }
  }

  /// The objects and settings of one call of ``run(epochs:)``.
  struct Run {
    let course: TrainingCourse
    let records: TrainingRecords
    let log: MetricsLog
    /// One loader for each shard of the batch that this rank computes, one after the other; only one without virtual
    /// shards.
    let input: [BatchLoader<Scalar>]
    var progress: Progress
    let start: ContinuousClock.Instant
    /// The requests to save or stop; nil if no checkpoints are written.
    let stepRequests: RunRequests?
  }

  private func course(_ epochs: Int, _ resumed: TrainingState?) throws -> TrainingCourse {
    for (name, steps) in [("replays", replaysEvery), ("comparisons of copies", checksCopiesEvery)] {
      if let steps, steps < 1 {
        throw TrainingError.settings(
          "The number of steps between \(name) must be 1 or more, not \(steps).")
      }
    }
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
        + "compares copies every: \(checksCopiesEvery ?? 0)\nreplays every: \(replaysEvery ?? 0)\n"
        + "skips steps that are not finite: \(skipsNonFinite)\n"
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
        // Reads from the disk while the previous step is computed.
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
