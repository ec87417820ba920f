import AllReduce

/// What a run keeps besides its result: its state, from which another goes on, and a timeline.
final class RunRecords {
  /// The state that the run goes on from; nil if it begins.
  let resumed: TrainingState?
  /// What notes spans; nil without `--trace`.
  let recorder: SpanRecorder?

  private let checkpoint: Checkpoint?
  private let every: Int?
  private let trace: TraceFile?

  /// Reads the state to go on from, and finds out whether all can be written. Collective.
  ///
  /// - Throws: ``AgreedError`` if not.
  init(_ options: KeepingOptions, over world: Communicator) throws {
    every = options.checkpointEvery
    let checkpoint = options.checkpoint.map { Checkpoint(directory: $0) }
    self.checkpoint = checkpoint
    if let checkpoint {
      try world.agreeing { if world.isRoot { try RunRecords.check(checkpoint, options) } }
    }
    resumed = options.resume ? try checkpoint?.readState(over: world) : nil
    trace = try options.trace.map { try TraceFile(path: $0, over: world) }
    recorder = trace.map { _ in SpanRecorder() }
  }

  private static func check(_ checkpoint: Checkpoint, _ options: KeepingOptions) throws {
    if options.resume, !checkpoint.exists {
      throw DataError(
        file: checkpoint.path, expected: "the state that --resume goes on from",
        found: "no such file", advice: "begin without --resume, or name the folder of a run")
    }
    if !options.resume, checkpoint.exists {
      throw ClassifierError.usage(
        "--checkpoint \(checkpoint.directory) keeps the state of another run: give --resume to go on "
          + "with it, or another folder.")
    }
    try checkpoint.prepare()
  }

  /// Whether the state is to be written after a step.
  func isDue(afterSteps steps: Int, endsEpoch: Bool, endsRun: Bool) -> Bool {
    guard checkpoint != nil else { return false }
    return endsRun || every.map { steps % $0 == 0 } ?? endsEpoch
  }

  /// Gives the ranks the vectors of the state to go on from, if there is one. Collective.
  func restore(_ tensors: @autoclosure () -> [StateTensor<Float>], over world: Communicator) throws
  {
    guard resumed != nil else { return }
    try checkpoint?.read(into: tensors(), over: world)
  }

  /// Writes the state. Collective.
  func write(_ tensors: [StateTensor<Float>], _ state: TrainingState, over world: Communicator)
    throws
  {
    try span("checkpoint") { try checkpoint?.write(tensors, state, over: world) }
  }

  /// Writes the timeline. Collective.
  ///
  /// - Returns: How many spans of all ranks are not in it.
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
