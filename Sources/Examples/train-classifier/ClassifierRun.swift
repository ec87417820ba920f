import AllReduce

/// A training of either kind, as far as its result tells of it.
protocol ClassifierRun {
  var world: Communicator { get }
  var trainer: Trainer<Float> { get }
  var data: TrainingData { get }
  var steps: Int { get }
  var firstStep: Int { get }
  var isStopped: Bool { get }
  /// Where the seconds of all attempts went, on rank 0.
  var secondsSpent: WorkProgress.Seconds { get }
  var globalBatchSize: Int { get }
  var trainLoss: [Double] { get }
  var testAccuracy: [Double] { get }
  var testLoss: [Double] { get }
  var checksum: UInt64 { get }
  var examplesPerSecond: Double? { get }
  var times: StepTimes { get }
  /// Which ranks update.
  var update: String { get }
  /// The algorithm that combines.
  var algorithm: String { get }
  /// Seconds for which rank 0 waited.
  var waitSeconds: Double { get }
  /// Images a second over those without any exchange.
  var utilisation: Double? { get }
  /// The figures that only its kind has.
  var details: [(name: String, value: JSONValue)] { get }

  /// Collective.
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
