internal import AllReduceMPI
internal import AllReduceNN

/// Writes a training run's checkpoints, from which another run can resume, and its timeline.
final class TrainingRecords {
  /// The training state that the run resumes from; nil for a new run.
  let resumed: TrainingState?
  /// The recorder of the timeline's spans; nil without a timeline.
  let recorder: SpanRecorder?

  private let checkpoint: Checkpoint?
  private let reader: CheckpointReader?
  /// The lock on the checkpoint folder; on rank 0, until the training ends.
  private let lock: CheckpointLock?
  private let every: Int?
  private let isAutomatic: Bool
  /// Whether the best checkpoint is kept in addition to the newest ones.
  let keepsBest: Bool
  private let trace: TraceFile?
  /// Counts how the time of the run is spent; on rank 0.
  let ledger: RunLedger?
  /// The ``StateCopy`` from which checkpoints are written in the background; on rank 0, once it has been allocated.
  private var copy: AnyObject?
  /// Whether the checkpoint being written in the background is the newest, not only the best.
  private var isNewest = false
  /// Called with messages for the user, on rank 0.
  private let note: (String) -> Void
  private let clock = ContinuousClock()

  /// Reads the training state to resume from, and checks that checkpoints and the timeline can be written. Collective.
  ///
  /// - Throws: ``AgreedError`` if a file cannot be read or written.
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
    if world.isRoot, let folder = checkpoint?.directory, CheckpointLock.isOpenToAll(folder) {
      note(
        "warning: Every user of this machine may write to \(folder), and so can stop this training or change its state: "
          + "chmod o-w \(folder) takes that from them.")
    }
    reader = resumes ? try checkpoint.map { try CheckpointReader($0, over: world) } : nil
    resumed = reader?.state
    trace = try path.map { try TraceFile(path: $0, over: world) }
    recorder = trace.map { _ in SpanRecorder() }
  }

  /// Tells the user something: by the run's progress or, if the run shows none, a warning on standard error.
  static func tell(_ words: String, _ progress: ((String) -> Void)?) {
    if let progress { return progress(words) }
    if words.hasPrefix("warning: ") { writeToStandardError(words + "\n") }
  }

  /// Locks the checkpoint folder for this job; creates the folder for a new run.
  private static func open(
    _ checkpoint: Checkpoint, resumes: Bool, host: String
  ) throws -> CheckpointLock {
    // A folder that was named by mistake must not be created.
    if resumes, !checkpoint.exists { throw CheckpointReader.missing(checkpoint) }
    try checkpoint.makeFolder()
    // The job that a resumed run follows may not have ended altogether. The other ranks wait meanwhile.
    let patience = resumes ? min(8, (Deadline.seconds ?? .infinity) / 2) : 0
    let lock = try CheckpointLock(
      folder: checkpoint.directory, host: host, patience: patience)
    if !resumes, checkpoint.exists {
      throw TrainingError.settings(
        "\(checkpoint.directory) keeps the state of another run: resume it, or name another folder."
      )
    }
    try checkpoint.prepare()
    return lock
  }

  /// Returns whether a checkpoint is to be written after a step.
  func isDue(afterSteps steps: Int, endsEpoch: Bool, endsRun: Bool) -> Bool {
    guard checkpoint != nil else { return false }
    return endsRun || every.map { steps % $0 == 0 } ?? (endsEpoch && !isAutomatic)
  }

  /// Returns whether enough time has passed since the last checkpoint for another to be worth its cost. True only on
  /// rank 0; the other ranks learn of it through its ``StepRequest``.
  func isWorthSaving(_ now: ContinuousClock.Instant) -> Bool {
    guard isAutomatic, let ledger else { return false }
    return (now - ledger.savedAt) / .seconds(1) >= ledger.bestInterval
  }

  /// Returns whether a checkpoint is being written in the background, or memory for its copy prepared. On rank 0; false
  /// on other ranks.
  func isWriting<Scalar: NetworkScalar>(of type: Scalar.Type) -> Bool {
    (copy as? StateCopy<Scalar>)?.isRunning == true
  }

  /// Restores a trainer from the checkpoint, if the run resumes from one. Collective.
  ///
  /// - Parameter trainer: The trainer that resumes.
  /// - Returns: Remarks on the checkpoint's file for the user, on rank 0.
  /// - Throws: ``AgreedError`` if the checkpoint belongs to a different network; the trainer is then unchanged.
  func restore<Scalar: NetworkScalar & ReducibleScalar>(
    _ trainer: Trainer<Scalar>
  ) throws -> [String] {
    guard let reader else { return [] }
    try trainer.resume(reader.state) { try read($0, layers: trainer.layers, reader) }
    return reader.notes
  }

  /// Reads the checkpoint's values into tensors, if the run resumes from a checkpoint. Collective.
  ///
  /// - Parameters:
  ///   - tensors: The tensors to fill: the part of each that this rank holds.
  ///   - layers: The network's layers, which must be those of the checkpoint.
  /// - Returns: The same as ``restore(_:)``.
  /// - Throws: The same as ``restore(_:)``.
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
    // Otherwise the next write would keep the damaged file in place of the checkpoint that was read.
    for path in reader.damaged { checkpoint?.putAside(path) }
  }

  // MARK: Writing

  /// Allocates the copy from which checkpoints are written in the background, on rank 0, if the run may write several.
  /// Not collective.
  ///
  /// - Parameters:
  ///   - tensors: The tensors of the training state.
  ///   - epochs: The number of epochs left.
  func prepareCopy<Scalar: NetworkScalar>(
    of tensors: @autoclosure () -> [StateTensor<Scalar>], epochs: Int
  ) {
    guard lock != nil, every != nil || isAutomatic || epochs > 1 else { return }
    let made = StateCopy<Scalar>(count: tensors().reduce(0) { $0 + $1.shape.count })
    made?.prepare()
    copy = made
  }

  /// How a checkpoint is written.
  private enum Way: Int {
    /// By a thread, from a copy of the state.
    case inBackground = 1
    /// At once, while training waits, since there is no memory for a copy.
    case atOnce
  }

  /// Writes a checkpoint: as the newest, as the best so far, or as both. Collective.
  ///
  /// If there is memory for a copy of the state, training waits only for the previous write to complete and for the
  /// copy; a thread writes the file. Except for the last checkpoint, an error of the file is only a warning: the
  /// checkpoints before stay, and training continues.
  ///
  /// - Parameters:
  ///   - tensors: The tensors of the training state: the part of each that this rank holds.
  ///   - state: The training state apart from its tensors.
  ///   - use: Whether the checkpoint is the newest, the best, or both.
  ///   - world: All ranks.
  ///   - isLast: Whether this is the run's last checkpoint; it is then on the disk when this returns.
  /// - Throws: ``AgreedError`` if the last checkpoint cannot be written, or the training has diverged; ``MPIError``.
  func write<Scalar: NetworkScalar & ReducibleScalar>(
    _ tensors: [StateTensor<Scalar>], _ state: TrainingState, as use: StateUse,
    over world: Communicator, isLast: Bool
  ) throws {
    guard let checkpoint else { return }
    let start = clock.now
    try span("checkpoint") {
      let count = tensors.reduce(0) { $0 + $1.shape.count }
      try wait(of: Scalar.self, over: world)
      isNewest = use.contains(.newest)
      if isNewest { ledger?.didCopy() }
      if isLast {
        try checkpoint.write(tensors, state, as: use, over: world)
        if isNewest { ledger?.didSave() }
        return
      }
      var way = [0]
      if world.isRoot {
        // A state with an exchange between replicas under way is larger than one without.
        if (copy as? StateCopy<Scalar>)?.count ?? 0 < count { copy = nil }
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
    // A failed run does not resume from the best checkpoint.
    ledger?.addSave((clock.now - start) / .seconds(1), isNewest: isNewest)
    ledger?.keep()
  }

  /// Waits for the previous write to complete, and reports its outcome. Collective.
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

  /// Reports the outcome of a write in the background, if it has completed. Called between steps; does not wait.
  func look<Scalar: NetworkScalar>(of type: Scalar.Type) {
    guard let copy = copy as? StateCopy<Scalar>, !copy.isRunning else { return }
    let outcome = copy.takeOutcome()
    // All ranks throw this error together, at the next checkpoint.
    if case .diverged = outcome { return copy.putBack(outcome) }
    tell(outcome, type)
  }

  private func tell<Scalar: NetworkScalar>(
    _ outcome: StateCopy<Scalar>.Outcome, _ type: Scalar.Type
  ) {
    switch outcome {
    case .none, .diverged: break
    case .written(let seconds): if isNewest { ledger?.didSave(in: seconds) }
    case .failed(let error):
      note(
        "warning: \(error). THE STATE WAS NOT WRITTEN: the one before stands, and the training goes on."
      )
    }
  }

  /// Waits for the last write, and notes in the ledger that the run has ended or was stopped. Collective.
  func finish<Scalar: NetworkScalar>(of type: Scalar.Type, over world: Communicator) throws {
    try wait(of: type, over: world)
    ledger?.keep(hasEnded: true)
  }

  /// Writes the timeline, if there is one. Collective. A timeline that cannot be written is a warning.
  ///
  /// - Returns: The number of spans, over all ranks, that were dropped because their memory was full.
  func finishTrace() throws -> Int {
    guard let trace, let recorder else { return 0 }
    do {
      return try trace.write(recorder)
    } catch let error as AgreedError {
      if ledger != nil { note("warning: \(error). THE TRACE WAS NOT WRITTEN.") }
      return 0
    }
  }

  /// Runs `body` and, if there is a timeline, records when it began and ended.
  func span<Result>(
    _ name: String, _ number: Int = -1, _ body: () throws -> Result
  ) rethrows -> Result {
    guard let recorder else { return try body() }
    let start = SpanRecorder.now()
    defer { recorder.add(recorder.name(name), from: start, detail: number) }
    return try body()
  }
}
