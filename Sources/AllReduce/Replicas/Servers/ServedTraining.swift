public import AllReduceMPI
public import AllReduceNN

/// Trains a network with parameter servers: workers compute gradients at their own pace; servers hold the weights and
/// apply what the workers push.
///
/// A worker gets its next batch when it asks for one, so a worker that is twice as fast computes twice the number of
/// batches. An epoch is one segment, or several if weights are evaluated or saved within the epoch. At the end of a
/// segment, all pushes have been applied, and all ranks have the servers' weights.
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
/// Every rank must construct it with the same arguments and the same data. Dean et al., "Large scale distributed deep
/// networks", 2012.
public final class ServedTraining<Scalar: NetworkScalar & ReducibleScalar> {
  /// The communicator of all ranks.
  package let world: Communicator
  /// The roles of the ranks: which are workers, and which serve which shard.
  package let roles: ServerRoles
  /// The settings of workers and servers.
  package let settings: ServerSettings
  /// This rank's trainer with its own copy of the network; on workers it computes the gradients.
  package let trainer: Trainer<Scalar>
  /// The training and the test examples.
  package let data: TrainingData

  // MARK: Settings, the same on all ranks; read when the run begins

  /// The learning rate as a function of the number of steps, each of which has a batch of every worker.
  public var schedule: LearningRateSchedule = .constant(0.05)
  /// The largest number of steps in an epoch; nil for no limit.
  package var stepsPerEpoch: Int?
  /// Also evaluates whenever the number of steps is a multiple of this; nil to evaluate only after each epoch.
  package var evaluatesEverySteps: Int?
  /// The folder of the checkpoints, how often they are written, and whether to resume from one; nil for no checkpoints.
  public var checkpoints: Checkpoints?
  /// The path of a file with a line of JSON for each step of rank 0 (`docs/schemas.md`); nil for no file.
  package var log: String?
  /// The path of a folder for a file of scalars that TensorBoard reads; nil for no file.
  package var tensorBoard: String?
  /// The path of a file for a timeline of all ranks (``TraceFile``); nil for no file.
  package var trace: String?
  /// Slows down one worker; nil to slow down none.
  package var straggler: Straggler?
  /// Called with the checkpoint from which the run resumes, before any of it is used; throws to refuse it. Same as
  /// ``Training/checkResumed``.
  package var checkResumed: ((TrainingState) throws -> Void)?
  /// The layers as the programs' option `--layers` describes them, for checkpoints. Same as ``Training/layerWords``.
  package var layerWords: String?
  /// Called with a line of progress every few seconds, on rank 0.
  public var progress: ((String) -> Void)? {
    get { writers.write }
    set { writers.write = newValue }
  }
  /// The destination of lines of progress.
  package var writers = ProgressWriters()

  // MARK: Results, the same on all ranks

  /// The mean training loss of each epoch.
  public internal(set) var trainLoss: [Double] = []
  /// The accuracy on the test examples after each epoch.
  public internal(set) var testAccuracy: [Double] = []
  /// Whether the run was asked to stop, and ended with a checkpoint before its last step. Same as
  /// ``Training/isStopped``.
  package internal(set) var isStopped = false
  /// Where the seconds of all attempts at this training went, on rank 0. Same as ``Training/secondsSpent``.
  package internal(set) var secondsSpent = WorkProgress.Seconds()
  /// The mean loss on the test examples after each epoch.
  package internal(set) var testLoss: [Double] = []
  /// The number of steps so far, those of earlier runs included; each step has a batch of every worker.
  package internal(set) var steps = 0
  /// The number of steps taken by earlier runs.
  package internal(set) var firstStep = 0
  /// The number of examples per step, over all workers.
  package internal(set) var globalBatchSize: Int
  /// Whether a batch size was given; otherwise a resumed run keeps that of its checkpoint.
  let asksForBatch: Bool
  /// The checksum of the weights after the run, equal on all ranks.
  package internal(set) var checksum: UInt64 = 0
  /// The staleness of the updates of this run.
  public internal(set) var staleness = StalenessHistogram()
  /// The differences, in updates, between the newest and the oldest version of the shards when a worker read the
  /// weights.
  package internal(set) var versionSkews = StalenessHistogram()
  /// The number of updates that the servers applied in this run.
  package internal(set) var updatesApplied = 0
  /// For each worker, the number of batches that it computed in this run.
  package internal(set) var workerSteps: [Int] = []
  /// Examples per second over all workers: the sum of each worker's own rate; nil before any step counts.
  package internal(set) var examplesPerSecond: Double?
  /// Same as ``examplesPerSecond``, but counting only the time of computation, without any exchange.
  package internal(set) var computedPerSecond: Double?
  /// The times of this rank's steps.
  package internal(set) var times = StepTimes()
  /// The seconds for which this rank waited for servers.
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
  // This rank's number of batches, number of examples, and seconds of computation.
  var (ownSteps, ownExamples, busySeconds) = (0, 0, 0.0)

  /// Prepares to train a network. Collective.
  ///
  /// - Parameters:
  ///   - root: The network's layers, whole and without memory.
  ///   - data: The training and the test examples.
  ///   - world: All ranks; the last ones are the servers.
  ///   - settings: The settings of workers and servers.
  ///   - optimizer: The update rule of the servers; with elastic averaging, of the workers.
  ///   - loss: The loss to minimize.
  ///   - batchSize: The number of examples per step of one worker; nil for 64 or, if a run is resumed, for the global
  ///     batch of its checkpoint.
  ///   - globalBatchSize: The number of examples per step over all workers, instead of `batchSize`; nil for `batchSize`
  ///     times the number of workers.
  ///   - seed: The seed of the initial weights, the dropout masks and the order of the examples.
  /// - Throws: ``AgreedError`` on every rank if the settings do not fit (exit code 64); ``ShapeError``; ``MPIError``.
  public convenience init(
    _ root: any Layer<Scalar>, _ data: TrainingData, over world: Communicator,
    _ settings: ServerSettings = ServerSettings(), optimizer: any UpdateRule,
    loss: any Loss<Scalar>, batchSize: Int? = nil, globalBatchSize: Int? = nil, seed: UInt64 = 1
  ) throws {
    try self.init(
      root, data, over: world, settings, optimizer: optimizer, loss: loss, batchSize: batchSize,
      globalBatchSize: globalBatchSize, seed: seed, cuts: nil)
  }

  /// Same as the public initializer, with shards that end at the given fractions of the weights; nil for equal shards.
  package init(
    _ root: any Layer<Scalar>, _ data: TrainingData, over world: Communicator,
    _ settings: ServerSettings, optimizer: any UpdateRule, loss: any Loss<Scalar>,
    batchSize: Int?, globalBatchSize: Int?, seed: UInt64, cuts: [Double]?
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
    self.globalBatchSize = globalBatchSize ?? (batchSize ?? 64) * roles.workers.count
    asksForBatch = batchSize != nil || globalBatchSize != nil
    try world.requireEqual(checksum: Checksum.of(network), "first weights")
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

  /// Sets a function that is called with each event of this rank's server; for tests.
  package func logEvents(_ log: @escaping (ServerEvent) -> Void) { server?.log = log }

  /// Returns the number of steps in a number of epochs, for a schedule over all of them.
  package func stepCount(epochs: Int) -> Int {
    let all = (data.training.count + globalBatchSize - 1) / max(globalBatchSize, 1)
    return min(stepsPerEpoch ?? all, all) * epochs
  }

  /// A description of the method, different for different methods.
  var method: String { "\(trainer.method(of: rule)), \(settings.words)" }
}
