internal import AllReduceMPI
internal import AllReduceNN

/// What a training keeps besides its results: its state, from which another goes on, and a timeline.
final class TrainingRecords {
  /// The state that the training goes on from; nil if it begins.
  let resumed: TrainingState?
  /// What notes spans; nil without a timeline.
  let recorder: SpanRecorder?

  private let checkpoint: Checkpoint?
  private let every: Int?
  private let trace: TraceFile?

  /// Reads the state to go on from, and finds out whether all can be written. Collective.
  ///
  /// - Throws: ``AgreedError`` if not.
  init(_ checkpoints: Checkpoints?, trace path: String?, over world: Communicator) throws {
    every = checkpoints?.everySteps
    let checkpoint = checkpoints.map { Checkpoint(directory: $0.folder) }
    self.checkpoint = checkpoint
    if let checkpoint, let checkpoints {
      try world.agreeing {
        if world.isRoot { try TrainingRecords.check(checkpoint, resumes: checkpoints.resumes) }
      }
    }
    resumed = checkpoints?.resumes == true ? try checkpoint?.readState(over: world) : nil
    trace = try path.map { try TraceFile(path: $0, over: world) }
    recorder = trace.map { _ in SpanRecorder() }
  }

  private static func check(_ checkpoint: Checkpoint, resumes: Bool) throws {
    if resumes, !checkpoint.exists {
      throw DataError(
        file: checkpoint.path, expected: "the state to resume from", found: "no such file",
        advice: "begin without resuming, or name the folder of a run")
    }
    if !resumes, checkpoint.exists {
      throw TrainingError.settings(
        "\(checkpoint.directory) keeps the state of another run: resume it, or name another folder."
      )
    }
    try checkpoint.prepare()
  }

  /// Whether the state is to be written after a step.
  func isDue(afterSteps steps: Int, endsEpoch: Bool, endsRun: Bool) -> Bool {
    guard checkpoint != nil else { return false }
    return endsRun || every.map { steps % $0 == 0 } ?? endsEpoch
  }

  /// Lets a trainer go on from the state, if there is one. Collective.
  func restore<Scalar: NetworkScalar & ReducibleScalar>(_ trainer: Trainer<Scalar>) throws {
    if let resumed, let checkpoint { try trainer.resume(resumed, from: checkpoint) }
  }

  /// Gives ranks the vectors of the state, if there is one. Collective.
  func restore<Scalar: NetworkScalar & ReducibleScalar>(
    _ tensors: @autoclosure () -> [StateTensor<Scalar>], over world: Communicator
  ) throws {
    if resumed != nil, let checkpoint { try checkpoint.read(into: tensors(), over: world) }
  }

  /// Writes the state. Collective.
  func write<Scalar: NetworkScalar & ReducibleScalar>(
    _ tensors: [StateTensor<Scalar>], _ state: TrainingState, over world: Communicator
  ) throws {
    try span("checkpoint") { try checkpoint?.write(tensors, state, over: world) }
  }

  /// Writes the timeline. Collective.
  ///
  /// - Returns: How many spans of all ranks there was no room for.
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
