import AllReduce
import AllReduceMPI
import Foundation
import XCTest

/// Workers and parameter servers, against what one process computes.
final class ServedTrainingTests: CollectiveTestCase {
  private func layers(dropout: Double = 0.2) -> Sequential<Double> {
    Sequential(Dense(30, 12), ReLU(), Dropout(dropout), Dense(12, 7), Tanh(), Dense(7, 2))
  }

  private func data() throws -> TrainingData {
    try TrainingData(csv: "data/breast_cancer.csv", target: "benign", testShare: 0.2)
  }

  /// What one process learns by plain steps with the whole batch.
  private func reference(
    _ world: Communicator, batch: Int, epochs: Int, _ optimizer: any UpdateRule = SGD(),
    rate: LearningRateSchedule = .constant(0.1)
  ) throws -> Training<Double> {
    let own = try world.split(color: world.rank)
    let trainer = try Trainer(
      layers(), input: [30], plan: Plan(layers: .data, update: .replicated), over: own,
      optimizer: optimizer, loss: SoftmaxCrossEntropy(), seed: 3)
    let training = Training(trainer, try data(), globalBatchSize: batch, seed: 3)
    training.schedule = rate
    try training.run(epochs: epochs)
    return training
  }

  private func served(
    _ world: Communicator, _ settings: ServerSettings, batch: Int,
    _ optimizer: any UpdateRule = SGD(), rate: LearningRateSchedule = .constant(0.1),
    cuts: [Double]? = nil
  ) throws -> ServedTraining<Double> {
    let training = try ServedTraining(
      layers(), data(), over: world, settings, optimizer: optimizer, loss: SoftmaxCrossEntropy(),
      batchSize: batch, globalBatchSize: nil, seed: 3, cuts: cuts)
    training.schedule = rate
    return training
  }

  private func weights(_ network: Network<Double>) -> [Double] {
    network.parameters.flatMap { Array($0.values.values) }
  }

  /// One worker, and the other ranks serve shards, which are not equal.
  private func oneWorker(_ world: Communicator) -> (settings: ServerSettings, cuts: [Double]) {
    let servers = world.size - 1
    return (
      ServerSettings(servers: servers),
      (1..<max(servers, 1)).map { 0.17 + 0.3 * Double($0 - 1) / Double(servers) }
    )
  }

  func testOneWorkerComputesWhatPlainStepsDo() throws {
    let world = try world()
    try XCTSkipIf(world.size < 2, "a server and a worker are two ranks")
    var (settings, cuts) = oneWorker(world)
    let rules: [any UpdateRule] = [SGD(), Momentum(0.9), Adagrad(), SGD(weightDecay: 0.01)]
    for compensation in [
      Staleness.Compensation.none, .constant(0.5), .adaptive(0.5), .scaled,
    ] {
      for (number, rule) in rules.enumerated() {
        // Only plain steps are the same at once on the worker and later on the servers.
        if number > 0, compensation != .constant(0.5) { continue }
        if number == 3 { settings.staleness.bound = 0 }
        settings.staleness.compensation = compensation
        let rate = LearningRateSchedule.cosine(from: number == 2 ? 0.01 : 0.1, over: 40)
        let plain = try reference(world, batch: 32, epochs: 3, rule, rate: rate)
        let training = try served(world, settings, batch: 32, rule, rate: rate, cuts: cuts)
        try training.run(epochs: 3)
        let what = "\(rule), \(compensation)"
        assertClose(weights(training.trainer.network), weights(plain.trainer.network), 1e-6, what)
        assertClose(training.trainLoss, plain.trainLoss, 1e-6, what)
        assertClose(training.testAccuracy, plain.testAccuracy, 0.02, what)
        XCTAssertEqual(training.updatesApplied, plain.steps, what)
        XCTAssertEqual(training.staleness.maximum, 0, what)
        settings.staleness.bound = nil
      }
    }
  }

  func testOneWorkerMayFetchAndPushSeldom() throws {
    let world = try world()
    try XCTSkipIf(world.size < 2, "a server and a worker are two ranks")
    let plain = try reference(world, batch: 32, epochs: 2)
    for (fetch, push) in [(1, 2), (3, 1), (2, 3), (4, 4), (5, 2)] {
      var (settings, cuts) = oneWorker(world)
      (settings.fetchEvery, settings.pushEvery) = (fetch, push)
      let training = try served(world, settings, batch: 32, cuts: cuts)
      try training.run(epochs: 2)
      // With one worker nothing is stale: its own steps are those that the servers take.
      assertClose(
        weights(training.trainer.network), weights(plain.trainer.network), 1e-6,
        "fetch \(fetch), push \(push)")
    }
  }

  func testABoundOfZeroIsSynchronous() throws {
    let world = try world()
    try XCTSkipIf(world.size < 2, "a server and a worker are two ranks")
    for servers in Array(1...max(1, world.size / 2)) {
      var settings = ServerSettings(servers: servers)
      settings.staleness.bound = 0
      let workers = world.size - servers
      let plain = try reference(
        world, batch: 20 * workers, epochs: 3, rate: .cosine(from: 0.2, over: 60))
      let training = try served(world, settings, batch: 20, rate: .cosine(from: 0.2, over: 60))
      training.straggler = Straggler(rank: 0, factor: 3)
      try training.run(epochs: 3)
      let what = "\(workers) workers, \(servers) servers"
      assertClose(weights(training.trainer.network), weights(plain.trainer.network), 1e-5, what)
      assertClose(training.trainLoss, plain.trainLoss, 1e-5, what)
      XCTAssertLessThanOrEqual(training.staleness.maximum ?? 0, workers - 1, what)
    }
  }

  func testNoReadIsStalerThanTheBound() throws {
    let world = try world()
    try XCTSkipIf(world.size < 3, "two workers and a server are three ranks")
    for bound in [0, 1, 3] {
      var settings = ServerSettings(servers: 1)
      settings.staleness.bound = bound
      let training = try served(world, settings, batch: 8)
      training.straggler = Straggler(rank: 1, factor: 5)
      training.stepsPerEpoch = 30
      var (reads, pushes, worst) = (0, 0, 0)
      training.logEvents { event in
        switch event {
        case .read(_, let clock, let slowest):
          reads += 1
          worst = max(worst, clock - (slowest ?? clock))
        case .pushed: pushes += 1
        }
      }
      try training.run(epochs: 1)
      guard training.roles.servers.contains(world.rank) else { continue }
      XCTAssertLessThanOrEqual(worst, bound, "bound \(bound)")
      XCTAssertGreaterThanOrEqual(reads, pushes, "bound \(bound)")
      XCTAssertEqual(pushes, training.stepCount(epochs: 1) * training.roles.workers.count)
    }
  }

  func testManyWorkersLearnAndCount() throws {
    let world = try world()
    try XCTSkipIf(world.size < 2, "a server and a worker are two ranks")
    for compensation in [
      Staleness.Compensation.none, .constant(0.04), .adaptive(2), .scaled, .nesterov(4),
    ] {
      var settings = ServerSettings(servers: max(1, world.size / 3))
      settings.staleness.compensation = compensation
      settings.warmUpSteps = 3
      let optimizer: any UpdateRule =
        compensation == .nesterov(4) ? Momentum(0.9, nesterov: true) : SGD()
      let training = try served(world, settings, batch: 16, optimizer, rate: .constant(0.02))
      try training.run(epochs: 6)
      let what = "\(compensation)"
      XCTAssertGreaterThan(training.testAccuracy.last ?? 0, 0.85, what)
      XCTAssertLessThan(training.trainLoss[5], training.trainLoss[0], what)
      XCTAssertEqual(training.workerSteps.count, training.roles.workers.count)
      XCTAssertEqual(training.staleness.total, training.updatesApplied, what)
      // Two pushes of each worker are under way at most.
      let most = 2 * training.roles.workers.count
      XCTAssertLessThanOrEqual(training.versionSkews.maximum ?? 0, most, what)
    }
  }

  func testElasticAveragingIsTheSameWithAndWithoutServers() throws {
    let world = try world()
    try XCTSkipIf(world.size < 3, "two workers and a server are three ranks")
    // The same number of workers in both: the last rank serves, or takes no part.
    let workers = try world.split(optionalColor: world.rank < world.size - 1 ? 0 : nil)
    for optimizer in [SGD() as any UpdateRule, Momentum(0.9)] {
      var settings = ServerSettings(method: .easgd, servers: 1)
      settings.pushEvery = 4
      settings.staleness.bound = 0
      let served = try served(world, settings, batch: 10, optimizer, rate: .constant(0.05))
      try served.run(epochs: 2)
      guard let workers else { continue }
      settings.servers = 0
      settings.staleness.bound = nil
      let shared = try self.served(workers, settings, batch: 10, optimizer, rate: .constant(0.05))
      try shared.run(epochs: 2)
      assertClose(
        weights(served.trainer.network), weights(shared.trainer.network), 1e-6, "\(optimizer)")
      assertClose(served.trainLoss, shared.trainLoss, 1e-6, "\(optimizer)")
    }
  }

  func testARunThatIsResumedEndsAsOneThatIsNot() throws {
    let world = try world()
    try XCTSkipIf(world.size < 2, "a server and a worker are two ranks")
    let name = try world.broadcast(
      world.isRoot ? NSTemporaryDirectory() + "served-\(UUID().uuidString)" : "", from: 0)
    for compensation in [Staleness.Compensation.adaptive(1), .nesterov(3)] {
      let folder = name + (compensation == .nesterov(3) ? "n" : "a")
      var (settings, cuts) = oneWorker(world)
      settings.staleness.compensation = compensation
      func training() throws -> ServedTraining<Double> {
        let rule: any UpdateRule =
          compensation == .nesterov(3) ? Momentum(0.8, nesterov: true) : Adagrad()
        return try served(world, settings, batch: 32, rule, rate: .constant(0.01), cuts: cuts)
      }
      let whole = try training()
      // Between segments a worker's weights are the servers': both runs have the same.
      whole.checkpoints = Checkpoints(folder: folder + "whole", everySteps: 5)
      try whole.run(epochs: 3)
      let first = try training()
      first.checkpoints = Checkpoints(folder: folder, everySteps: 5)
      first.stepsPerEpoch = 15
      try first.run(epochs: 1)
      let second = try training()
      second.checkpoints = Checkpoints(folder: folder, everySteps: 5, resumes: true)
      try second.run(epochs: 3)
      XCTAssertEqual(second.checksum, whole.checksum, "\(compensation)")
      assertClose(second.trainLoss, whole.trainLoss, 1e-12, "\(compensation)")
      XCTAssertEqual(second.firstStep, 15)
      try world.barrier()
      guard world.isRoot else { continue }
      for path in [folder, folder + "whole"] { try? FileManager.default.removeItem(atPath: path) }
    }
  }

  func testSettingsThatCannotBeAreRefused() throws {
    let world = try world()
    var fetch = ServerSettings(servers: 1)
    fetch.fetchEvery = 0
    var bound = ServerSettings(servers: 1)
    (bound.fetchEvery, bound.staleness.bound) = (4, 2)
    var delayed = ServerSettings(servers: 1)
    delayed.staleness.compensation = .nesterov(4)
    for (settings, ranks, rule, words) in [
      (ServerSettings(servers: 3), 3, SGD() as any UpdateRule, "no worker of 3 ranks"),
      (ServerSettings(servers: 0), 3, SGD(), "1 server or more, not 0"),
      (fetch, 3, SGD(), "fetch every 0 steps"),
      (bound, 3, SGD(), "3 clocks behind its own pushes, but the staleness bound is 2"),
      (delayed, 3, Momentum(), "not of momentum 0.9"),
      (ServerSettings(servers: 1), 3, LARS(), "norms of whole parameters"),
    ] {
      XCTAssertThrowsError(try settings.check(ranks: ranks, optimizer: rule)) {
        XCTAssertTrue("\($0)".contains(words), "\($0)")
        XCTAssertEqual(($0 as? PlanError)?.exitCode, 64)
      }
    }
    XCTAssertThrowsError(try served(world, ServerSettings(servers: world.size), batch: 8)) {
      XCTAssertTrue("\($0)".contains("no worker"), "\($0)")
    }
  }
}
