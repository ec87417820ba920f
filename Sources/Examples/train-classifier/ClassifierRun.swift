import AllReduce

/// A finished training run, with or without parameter servers, as its result needs it.
protocol ClassifierRun {
  var world: Communicator { get }
  var trainer: Trainer<Float> { get }
  var data: TrainingData { get }
  var steps: Int { get }
  var firstStep: Int { get }
  var isStopped: Bool { get }
  /// How the seconds of all attempts of this run were spent, on rank 0.
  var secondsSpent: WorkProgress.Seconds { get }
  var globalBatchSize: Int { get }
  var trainLoss: [Double] { get }
  var testAccuracy: [Double] { get }
  var testLoss: [Double] { get }
  var checksum: UInt64 { get }
  var examplesPerSecond: Double? { get }
  var times: StepTimes { get }
  /// The name of the update mode, which says which ranks update which weights; "servers" with parameter servers.
  var update: String { get }
  /// The name of the algorithm that combines gradients.
  var algorithm: String { get }
  /// The seconds that rank 0 spent waiting.
  var waitSeconds: Double { get }
  /// The examples per second, divided by those without any exchange; nil if not measured.
  var utilisation: Double? { get }
  /// Further figures, which only this kind of training has.
  var details: [(name: String, value: JSONValue)] { get }

  /// Gathers the figures of all ranks. Collective.
  func figures() throws -> RankFigures
}

extension Training<Float>: ClassifierRun {
  var world: Communicator { trainer.world }
  var examplesPerSecond: Double? { times.examplesPerSecond }
  var update: String { trainer.update.rawValue }
  var algorithm: String { trainer.chosenAlgorithm.name }
  var waitSeconds: Double { trainer.exchangeTimes.waitSeconds }
  var utilisation: Double? { trainer.computeUtilisation }
  var details: [(name: String, value: JSONValue)] { [] }

  func figures() throws -> RankFigures { try RankFigures(of: trainer) }
}

extension ServedTraining<Float>: ClassifierRun {
  var update: String { "servers" }
  var algorithm: String { "pointToPoint" }
  var utilisation: Double? {
    guard let examplesPerSecond, let computedPerSecond else { return nil }
    return examplesPerSecond / computedPerSecond
  }

  var details: [(name: String, value: JSONValue)] {
    [
      ("staleness", staleness.json), ("version_skew", versionSkews.json),
      ("updates_applied", .integer(updatesApplied)), ("worker_steps", .integers(workerSteps)),
      ("servers", .integers(Array(roles.servers))),
    ]
  }

  func figures() throws -> RankFigures { try RankFigures(of: self) }
}

extension StalenessHistogram {
  fileprivate var json: JSONValue {
    .object([
      ("unit", .text("updates")), ("mean", .number(orNull: mean)),
      ("maximum", maximum.map { .integer($0) } ?? .null),
      ("histogram", .list(list.map { .integers([$0.value, $0.count]) })),
    ])
  }
}
