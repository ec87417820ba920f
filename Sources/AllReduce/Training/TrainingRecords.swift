internal import AllReduceMPI
internal import AllReduceNN

/// What a training keeps in addition to its results: its state, from which another resumes, and a timeline.
final class TrainingRecords {
  /// The state that the training goes on from; nil if it begins.
  let resumed: TrainingState?
  /// What notes spans; nil without a timeline.
  let recorder: SpanRecorder?

  private let checkpoint: Checkpoint?
  private let reader: CheckpointReader?
  /// On rank 0, until the training ends.
  private let lock: CheckpointLock?
  private let every: Int?
  private let trace: TraceFile?

  /// Reads the state to go on from, and finds out whether all can be written. Collective.
  ///
  /// - Throws: ``AgreedError`` if not.
  init(_ checkpoints: Checkpoints?, trace path: String?, over world: Communicator) throws {
    every = checkpoints?.everySteps
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
    return endsRun || every.map { steps % $0 == 0 } ?? endsEpoch
  }

  /// Lets a trainer go on from the state, if there is one. Collective.
  ///
  /// - Parameters:
  /// - Parameter trainer: What goes on.
  /// - Returns: What a user should know of the state's file, on rank 0.
  /// - Throws: ``AgreedError`` if the state is of another network; then nothing has changed.
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
  ///   - tensors: What this rank holds of them.
  ///   - layers: Those of the network.
  /// - Returns: As ``restore(_:)``.
  /// - Throws: As there.
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
    // Else the next writing would keep it in the place of the state that was taken.
    for path in reader.damaged { checkpoint?.putAside(path) }
  }

  /// Writes the state. Collective.
  func write<Scalar: NetworkScalar & ReducibleScalar>(
    _ tensors: [StateTensor<Scalar>], _ state: TrainingState, over world: Communicator
  ) throws {
    try span("checkpoint") { try checkpoint?.write(tensors, state, over: world) }
  }

  /// Writes the timeline. Collective.
  ///
  /// - Returns: How many spans of all ranks were dropped because their memory was full.
  func finishTrace() throws -> Int {
    guard let trace, let recorder else { return 0 }
    return try trace.write(recorder)
  }

  /// Runs `body`, and notes when it began and ended if there is a timeline.
  func span<Result>(
    _ name: String, _ number: Int = -1, _ body: () throws -> Result
  ) rethrows -> Result {
    guard let recorder else { return try body() }
    let start = SpanRecorder.now()
    defer { recorder.add(recorder.name(name), from: start, detail: number) }
    return try body()
  }
}
