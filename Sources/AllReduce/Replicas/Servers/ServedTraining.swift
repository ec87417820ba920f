public import AllReduceMPI
public import AllReduceNN

/// Trains a network with parameter servers: workers compute gradients at their own pace, servers hold the weights and
/// apply what workers push.
///
/// Batches are handed out as workers ask for them, so that a worker twice as fast does twice the work. An epoch is a
/// segment, or several where the weights are evaluated or kept in between: at its end all pushes have been applied, and
/// all ranks have the servers' weights.
///
/// ```swift
/// var settings = ServerSettings(servers: 1)
/// settings.staleness.bound = 3
/// let training = try ServedTraining(
///   layers, data, over: world, settings, optimizer: Adagrad(), loss: SoftmaxCrossEntropy())
/// try training.run(epochs: 3)
/// print(training.staleness.mean ?? 0, training.testAccuracy.last!)
/// ```
///
/// Construct it identically on every rank, with the same data. Dean et al., "Large scale distributed deep networks",
/// 2012.
public final class ServedTraining<Scalar: NetworkScalar & ReducibleScalar> {
  /// All ranks.
  package let world: Communicator
  /// Which ranks work, and which serve which shard.
  package let roles: ServerRoles
  /// How they train together.
  package let settings: ServerSettings
  /// This rank's network, and on workers what computes gradients; a replica of its own.
  package let trainer: Trainer<Scalar>
  /// The training and the test examples.
  package let data: TrainingData

  // MARK: Settings, the same on all ranks; read when the run begins

  /// The learning rate over the steps of all workers' batches.
  public var schedule: LearningRateSchedule = .constant(0.05)
  /// The largest number of steps of an epoch; nil for all.
  package var stepsPerEpoch: Int?
  /// Also evaluates whenever the number of steps is a multiple of this; nil for not.
  package var evaluatesEverySteps: Int?
  /// Where the state is kept, and whether to resume from it.
  public var checkpoints: Checkpoints?
  /// A file with a line of JSON for each step of rank 0 (`docs/schemas.md`).
  package var log: String?
  /// A folder for a file of scalars that TensorBoard reads.
  package var tensorBoard: String?
  /// A file for a timeline of all ranks (``TraceFile``).
  package var trace: String?
  /// Makes a worker slower; nil for not.
  package var straggler: Straggler?
  /// Same as ``Training/checkResumed``.
  package var checkResumed: ((TrainingState) throws -> Void)?
  /// Same as ``Training/layerWords``.
  package var layerWords: String?
  /// Called with a line of progress every few seconds, on rank 0.
  public var progress: ((String) -> Void)? {
    get { writers.write }
    set { writers.write = newValue }
  }
  /// Where lines of progress go.
  package var writers = ProgressWriters()

  // MARK: Results, the same on all ranks

  /// The mean loss of each epoch.
  public internal(set) var trainLoss: [Double] = []
  /// The accuracy on the test examples after each epoch.
  public internal(set) var testAccuracy: [Double] = []
  /// Same as ``Training/isStopped``.
  package internal(set) var isStopped = false
  /// Same as ``Training/secondsSpent``.
  package internal(set) var secondsSpent = WorkProgress.Seconds()
  /// The mean loss on the test examples after each epoch.
  package internal(set) var testLoss: [Double] = []
  /// Steps done, by earlier runs too: one is a batch of each worker.
  package internal(set) var steps = 0
  /// The steps of earlier runs.
  package internal(set) var firstStep = 0
  /// The examples of all workers a step.
  package let globalBatchSize: Int
  /// The checksum of the weights, equal on all ranks.
  package internal(set) var checksum: UInt64 = 0
  /// How stale the updates of this run were.
  public internal(set) var staleness = StalenessHistogram()
  /// How far the versions of shards were apart when workers read them, in updates.
  package internal(set) var versionSkews = StalenessHistogram()
  /// The updates that servers applied in this run.
  package internal(set) var updatesApplied = 0
  /// The batches that each worker computed in this run.
  package internal(set) var workerSteps: [Int] = []
  /// Examples of all workers a second, each by its own steps; nil before any step counts.
  package internal(set) var examplesPerSecond: Double?
  /// Same as ``examplesPerSecond``, had nothing been exchanged.
  package internal(set) var computedPerSecond: Double?
  /// How long steps of this rank took.
  package internal(set) var times = StepTimes()
  /// Seconds for which this rank waited for servers.
  package internal(set) var waitSeconds = 0.0

  let tally = TrafficTally()
  let rule: any UpdateRule
  let seed: UInt64
  let slot = BatchSlot<Scalar>()
  let clock = ContinuousClock()
  let server: ShardServer<Scalar>?
  let client: ShardClient<Scalar>?
  let downpour: ServerWorker<Scalar>?
  let elastic: ElasticWorker<Scalar>?
  // Of this rank: batches, examples, and seconds of computing them.
  var (ownSteps, ownExamples, busySeconds) = (0, 0, 0.0)

  /// Gets ready to train a network. Collective.
  ///
  /// - Parameters:
  ///   - root: The network's layers, whole and without memory.
  ///   - data: The training and the test examples.
  ///   - world: All ranks; the last ones serve.
  ///   - settings: The settings of workers and servers.
  ///   - optimizer: The update rule of the servers; with elastic averaging, of the workers.
  ///   - loss: The loss to minimise.
  ///   - batchSize: The examples of a worker's step.
  ///   - globalBatchSize: The examples of a step of all workers, instead; nil for `batchSize` times the workers.
  ///   - seed: The seed of initial weights, dropout masks and the order of the examples.
  /// - Throws: ``AgreedError`` on every rank if the settings do not fit (exit code 64); ``ShapeError``; ``MPIError``.
  public convenience init(
    _ root: any Layer<Scalar>, _ data: TrainingData, over world: Communicator,
    _ settings: ServerSettings = ServerSettings(), optimizer: any UpdateRule,
    loss: any Loss<Scalar>, batchSize: Int = 64, globalBatchSize: Int? = nil, seed: UInt64 = 1
  ) throws {
    try self.init(
      root, data, over: world, settings, optimizer: optimizer, loss: loss, batchSize: batchSize,
      globalBatchSize: globalBatchSize, seed: seed, cuts: nil)
  }

  /// Same as the other initializer, with shards that end at these parts of the whole.
  package init(
    _ root: any Layer<Scalar>, _ data: TrainingData, over world: Communicator,
    _ settings: ServerSettings, optimizer: any UpdateRule, loss: any Loss<Scalar>,
    batchSize: Int, globalBatchSize: Int?, seed: UInt64, cuts: [Double]?
  ) throws {
    (self.world, self.settings, self.data, self.seed) = (world, settings, data, seed)
    let isElastic = settings.method == .easgd
    rule = optimizer
    try world.agreeing { try settings.check(ranks: world.size, optimizer: optimizer) }
    let own = try world.split(color: world.rank)
    var plan = Plan.dataParallel
    plan.update = .replicated
    trainer = try Trainer(
      root, input: data.training.exampleShape, plan: plan, over: own,
      optimizer: isElastic ? optimizer : SGD(), loss: loss, seed: seed)
    let (network, layout) = (trainer.network, trainer.network.layout)
    let elements = layout.reserved..<layout.count
    let roles = try world.agreeing {
      if let cuts {
        let ends = cuts.map { elements.lowerBound + Int($0 * Double(elements.count)) }
        return ServerRoles(
          ranks: world.size,
          shards: zip([elements.lowerBound] + ends, ends + [elements.upperBound]).map { $0..<$1 })
      }
      return try ServerRoles(ranks: world.size, servers: settings.servers, elements: elements)
    }
    self.roles = roles
    self.globalBatchSize = globalBatchSize ?? batchSize * roles.workers.count
    try world.requireEqual(
      Int(truncatingIfNeeded: WeightChecksum.of(network)), "first weights"
    ) {
      WeightChecksum.text(UInt64(bitPattern: Int64($0)))
    }
    let strength = settings.elasticity / Double(roles.workers.count)
    guard !roles.servers.isEmpty else {
      elastic = ElasticWorker(
        network, SharedCenter(network, over: world), every: settings.pushEvery, strength: strength)
      (server, client, downpour) = (nil, nil, nil)
      return
    }
    let memory = try WorkerMemory<Scalar>(count: layout.count, roles, over: world)
    let link = try world.duplicate()
    if let shard = roles.shard(of: world.rank) {
      let range = roles.shards[shard]
      server = ShardServer(
        ServedShard(
          range, of: network, settings.update(optimizer),
          settings.rule(optimizer, count: range.count, as: Scalar.self),
          workers: roles.workers.count), roles, memory, over: link)
      (client, downpour, elastic) = (nil, nil, nil)
    } else {
      let client = ShardClient(roles, memory, over: link)
      self.client = client
      server = nil
      downpour = isElastic ? nil : ServerWorker(trainer, settings, roles, client)
      elastic =
        isElastic
        ? ElasticWorker(
          network, ServedCenter(client, elements, bound: settings.staleness.bound),
          every: settings.pushEvery, strength: strength) : nil
    }
  }

  /// Called with the events of this rank's server, for tests.
  package func logEvents(_ log: @escaping (ServerEvent) -> Void) { server?.log = log }

  /// The steps of a number of epochs, for a schedule over all of them.
  package func stepCount(epochs: Int) -> Int {
    let all = (data.training.count + globalBatchSize - 1) / max(globalBatchSize, 1)
    return min(stepsPerEpoch ?? all, all) * epochs
  }

  /// A description that differs for different methods.
  var method: String { "\(trainer.method(of: rule)), \(settings.words)" }
}
