internal import AllReduceMPI
internal import AllReduceNN

/// What a training run writes in addition to its results: its state, from which another run resumes, and a timeline.
final class TrainingRecords {
  /// The state that the training resumes from; nil if it begins.
  let resumed: TrainingState?
  /// The recorder of spans; nil without a timeline.
  let recorder: SpanRecorder?

  private let checkpoint: Checkpoint?
  private let reader: CheckpointReader?
  /// On rank 0, until the training ends.
  private let lock: CheckpointLock?
  private let every: Int?
  private let isAutomatic: Bool
  /// Whether the best state is kept too.
  let keepsBest: Bool
  private let trace: TraceFile?
  /// On rank 0: where the seconds go.
  let ledger: RunLedger?
  /// On rank 0, a ``StateCopy``, once there was one.
  private var copy: AnyObject?
  /// Gets a sentence, on rank 0.
  private let note: (String) -> Void
  private let clock = ContinuousClock()

  /// Reads the state to resume from, and checks that everything can be written. Collective.
  ///
  /// - Throws: ``AgreedError`` if not.
  init(
    _ checkpoints: Checkpoints?, trace path: String?, over world: Communicator,
    note: @escaping (String) -> Void
  ) throws {
    self.note = note
    every = checkpoints?.everySteps
    isAutomatic = checkpoints?.isAutomatic == true
    keepsBest = checkpoints?.keepsBest == true
    let checkpoint = checkpoints.map {
      Checkpoint(directory: $0.folder, generations: $0.generations)
    }
    self.checkpoint = checkpoint
    let resumes = checkpoints?.resumes == true
    lock = try checkpoint.flatMap { checkpoint in
      try world.agreeing {
        guard world.isRoot else { return nil }
        return try TrainingRecords.open(checkpoint, resumes: resumes, host: world.processorName)
      }
    }
    ledger =
      world.isRoot ? RunLedger(folder: checkpoints?.folder, resumes: resumes) : nil
    reader = resumes ? try checkpoint.map { try CheckpointReader($0, over: world) } : nil
    resumed = reader?.state
    trace = try path.map { try TraceFile(path: $0, over: world) }
    recorder = trace.map { _ in SpanRecorder() }
  }

  /// Takes the folder for this job alone.
  private static func open(
    _ checkpoint: Checkpoint, resumes: Bool, host: String
  ) throws -> CheckpointLock {
    // A folder that is named by mistake is not made.
    if resumes, !checkpoint.exists { throw CheckpointReader.missing(checkpoint) }
    try checkpoint.makeFolder()
    let lock = try CheckpointLock(folder: checkpoint.directory, host: host)
    if !resumes, checkpoint.exists {
      throw TrainingError.settings(
        "\(checkpoint.directory) keeps the state of another run: resume it, or name another folder."
      )
    }
    try checkpoint.prepare()
    return lock
  }

  /// Whether the state is to be written after a step.
  func isDue(afterSteps steps: Int, endsEpoch: Bool, endsRun: Bool) -> Bool {
    guard checkpoint != nil else { return false }
    return endsRun || every.map { steps % $0 == 0 } ?? (endsEpoch && !isAutomatic)
  }

  /// Whether enough time has passed since the last state for another to be worth its cost; on rank 0, which sends it to
  /// the others.
  func isWorthSaving(_ now: ContinuousClock.Instant) -> Bool {
    guard isAutomatic, let ledger else { return false }
    return (now - ledger.savedAt) / .seconds(1) >= ledger.bestInterval
  }

  /// Lets a trainer resume from the state, if there is one. Collective.
  ///
  /// - Parameter trainer: The trainer that resumes.
  /// - Returns: Remarks on the state's file for the user, on rank 0.
  /// - Throws: ``AgreedError`` if the state belongs to a different network; then nothing has changed.
  func restore<Scalar: NetworkScalar & ReducibleScalar>(
    _ trainer: Trainer<Scalar>
  ) throws -> [String] {
    guard let reader else { return [] }
    try trainer.resume(reader.state) { try read($0, layers: trainer.layers, reader) }
    return reader.notes
  }

  /// Gives ranks the vectors of the state, if there is one. Collective.
  ///
  /// - Parameters:
  ///   - tensors: The part of the vectors that this rank holds.
  ///   - layers: The network's layers.
  /// - Returns: As ``restore(_:)``.
  /// - Throws: As ``restore(_:)``.
  func restore<Scalar: NetworkScalar & ReducibleScalar>(
    _ tensors: @autoclosure () -> [StateTensor<Scalar>], layers: String
  ) throws -> [String] {
    guard let reader else { return [] }
    try read(tensors(), layers: layers, reader)
    return reader.notes
  }

  private func read<Scalar: NetworkScalar & ReducibleScalar>(
    _ tensors: [StateTensor<Scalar>], layers: String, _ reader: CheckpointReader
  ) throws {
    try reader.read(into: tensors) {
      if let kept = reader.state.layers {
        try TrainingState.require(layers, kept, "The network is")
      }
    }
    // Else the next writing would keep it in the place of the state that was used.
    for path in reader.damaged { checkpoint?.putAside(path) }
  }

  // MARK: Writing

  /// Takes the memory for copies of the state, if several states are to be written. Local.
  ///
  /// - Parameters:
  ///   - tensors: Those of the state.
  ///   - epochs: How many are left.
  func prepareCopy<Scalar: NetworkScalar>(
    of tensors: @autoclosure () -> [StateTensor<Scalar>], epochs: Int
  ) {
    guard lock != nil, every != nil || isAutomatic || epochs > 1 else { return }
    let made = StateCopy<Scalar>(count: tensors().reduce(0) { $0 + $1.shape.count })
    made?.prepare()
    copy = made
  }

  /// How a state is written.
  private enum Way: Int {
    /// By a thread, from a copy.
    case inBackground = 1
    /// Training waits, since there is no memory for a copy.
    case atOnce
  }

  /// Writes the state: as the newest, as the best so far, or as both. Collective.
  ///
  /// Training stands still for a copy alone, where there is memory for one, and for the end of the writing before. What
  /// goes wrong with the file is a warning then: the states before stand, and the training goes on.
  ///
  /// - Parameters:
  ///   - tensors: The tensors, or parts of them, that each rank holds.
  ///   - state: Where the training stands.
  ///   - use: Whether it is the newest state, the best, or both.
  ///   - world: All ranks.
  ///   - isLast: Whether nothing comes after it: then it is written when this returns.
  /// - Throws: ``AgreedError`` if the last one cannot be written, or the training has diverged; ``MPIError``.
  func write<Scalar: NetworkScalar & ReducibleScalar>(
    _ tensors: [StateTensor<Scalar>], _ state: TrainingState, as use: StateUse,
    over world: Communicator, isLast: Bool
  ) throws {
    guard let checkpoint else { return }
    let start = clock.now
    try span("checkpoint") {
      let count = tensors.reduce(0) { $0 + $1.shape.count }
      try wait(of: Scalar.self, over: world)
      ledger?.didCopy()
      if isLast {
        try checkpoint.write(tensors, state, as: use, over: world)
        ledger?.didSave()
        return
      }
      var way = [0]
      if world.isRoot {
        if copy == nil { copy = StateCopy<Scalar>(count: count) }
        if copy == nil {
          note(
            "There is no memory for a copy of the state: the training waits while it is written.")
        }
        way = [(copy == nil ? Way.atOnce : .inBackground).rawValue]
      }
      try way.withUnsafeMutableBytes { try world.broadcastNatively($0, from: 0) }
      if Way(rawValue: way[0]) == .inBackground {
        try checkpoint.startWriting(
          tensors, state, as: use, over: world, copy as? StateCopy<Scalar>)
        return
      }
      let failure = try checkpoint.writeIfPossible(tensors, state, as: use, over: world)
      try world.agreeing { if let failure = failure as? TrainingError { throw failure } }
      if world.isRoot { tell(failure.map { .failed($0) } ?? .written(seconds: 0), Scalar.self) }
    }
    ledger?.addSave((clock.now - start) / .seconds(1))
    ledger?.keep()
  }

  /// Waits for the writing before, and reports how it ended. Collective.
  private func wait<Scalar: NetworkScalar>(
    of type: Scalar.Type, over world: Communicator
  ) throws {
    try world.agreeing {
      guard let copy = copy as? StateCopy<Scalar> else { return }
      copy.wait()
      let outcome = copy.takeOutcome()
      if case .diverged(let error) = outcome { throw error }
      tell(outcome, type)
    }
  }

  /// Tells how a writing has ended, if it has: between steps.
  func look<Scalar: NetworkScalar>(of type: Scalar.Type) {
    guard let copy = copy as? StateCopy<Scalar>, !copy.isRunning else { return }
    let outcome = copy.takeOutcome()
    // All ranks hear of that together, at the next state.
    if case .diverged = outcome { return copy.putBack(outcome) }
    tell(outcome, type)
  }

  private func tell<Scalar: NetworkScalar>(
    _ outcome: StateCopy<Scalar>.Outcome, _ type: Scalar.Type
  ) {
    switch outcome {
    case .none, .diverged: break
    case .written(let seconds): ledger?.didSave(in: seconds)
    case .failed(let error):
      note(
        "warning: \(error). THE STATE WAS NOT WRITTEN: the one before stands, and the training goes on."
      )
    }
  }

  /// The run has ended, or was stopped: waits for the last writing.
  func finish<Scalar: NetworkScalar>(of type: Scalar.Type, over world: Communicator) throws {
    try wait(of: type, over: world)
    ledger?.keep(hasEnded: true)
  }

  /// Writes the timeline. Collective.
  ///
  /// - Returns: How many spans of all ranks were dropped because their memory was full.
  func finishTrace() throws -> Int {
    guard let trace, let recorder else { return 0 }
    return try trace.write(recorder)
  }

  /// Runs `body`, and records when it began and ended if there is a timeline.
  func span<Result>(
    _ name: String, _ number: Int = -1, _ body: () throws -> Result
  ) rethrows -> Result {
    guard let recorder else { return try body() }
    let start = SpanRecorder.now()
    defer { recorder.add(recorder.name(name), from: start, detail: number) }
    return try body()
  }
}
