import AllReduce
import AllReduceMPI
import AllReduceNN
import Foundation
import XCTest

/// Runs that a signal to one rank asks to stop, copies that differ, and steps that are left out.
final class StopTests: CollectiveTestCase {
  /// Sends this process a signal in a step, or damages its loss there.
  private final class WatchedLoss: Loss {
    var signalsIn: Int?
    var breaksIn: Range<Int> = 0..<0
    private var steps = 0

    func evaluate(
      _ output: Tensor<Float>, _ targets: Targets<Float>, gradient: Tensor<Float>?
    ) throws -> BatchScore {
      var score = try SoftmaxCrossEntropy().evaluate(output, targets, gradient: gradient)
      steps += gradient == nil ? 0 : 1
      if gradient != nil, steps == signalsIn { raise(SIGUSR1) }
      if gradient != nil, breaksIn.contains(steps) { score.loss = .nan }
      return score
    }
  }

  private static let epoch = 6
  /// Splits weights, at up to 8 ranks.
  private static let model = Plan(layers: ["0": .columns, "3": .rows, "5": .replicated])

  private func training(
    _ world: Communicator, _ plan: Plan = .dataParallel, _ loss: WatchedLoss = WatchedLoss()
  ) throws -> Training<Float> {
    let trainer = try Trainer(
      Sequential<Float>(Dense(30, 12), ReLU(), Dropout(0.2), Dense(12, 8), ReLU(), Dense(8, 2)),
      input: [30], plan: plan, over: world, optimizer: Adam(), loss: loss)
    let data = try TrainingData(
      csv: "data/breast_cancer.csv", target: "benign", testShare: 0.2)
    let training = Training(trainer, data, globalBatchSize: 40)
    training.schedule = .cosine(from: 0.01, over: 3 * StopTests.epoch)
    training.stepsPerEpoch = StopTests.epoch
    return training
  }

  private func withFolder(_ world: Communicator, _ body: (String) throws -> Void) throws {
    let name = try world.broadcast(
      world.isRoot ? NSTemporaryDirectory() + "stop-\(UUID().uuidString)" : "", from: 0)
    try body(name)
    try world.barrier()
    if world.isRoot { try? FileManager.default.removeItem(atPath: name) }
  }

  /// Stops a run by a signal to its last rank in a step; it should end after another, and go on as one that was not
  /// stopped.
  private func check(
    _ plan: Plan, _ world: Communicator, signalIn step: Int, stopsAfter end: Int, _ what: String
  ) throws {
    let whole = try training(world, plan)
    try whole.run(epochs: 3)
    try withFolder(world) { folder in
      let loss = WatchedLoss()
      if world.rank == world.size - 1 { loss.signalsIn = step }
      let first = try training(world, plan, loss)
      first.checkpoints = Checkpoints(folder: folder)
      try first.run(epochs: 3)
      XCTAssertTrue(first.isStopped, what)
      XCTAssertEqual(first.steps, end, what)
      let second = try training(world, plan)
      second.checkpoints = Checkpoints(folder: folder, resumes: true)
      try second.run(epochs: 3)
      XCTAssertFalse(second.isStopped, what)
      XCTAssertEqual(second.firstStep, end, what)
      XCTAssertEqual(second.steps, 3 * StopTests.epoch, what)
      XCTAssertEqual(second.checksum, whole.checksum, what)
      XCTAssertEqual(second.trainLoss, whole.trainLoss, what)
      XCTAssertEqual(second.testAccuracy, whole.testAccuracy, what)
    }
  }

  func testASignalToOneRankStopsAllAndTheRunGoesOnBitForBit() throws {
    let world = try world()
    let epoch = StopTests.epoch
    for end in [2 * epoch - 1, 2 * epoch, 2 * epoch + 1] {
      // The request of a rank is read when its next step begins.
      try check(.dataParallel, world, signalIn: end - 1, stopsAfter: end, "data, \(end)")
    }
    try check(
      Plan(layers: .data, update: .replicated), world, signalIn: 6, stopsAfter: 7, "replicated")
    try check(StopTests.model, world, signalIn: 6, stopsAfter: 7, "model")
    try check(
      Plan(layers: ["0": .data, "3": .columns, "5": .rows]), world, signalIn: 5, stopsAfter: 6,
      "mixed")
  }

  func testReplicasStopAtTheirNextMeeting() throws {
    let world = try world()
    try XCTSkipIf(world.size < 2, "replicas are several ranks")
    var plan = Plan.dataParallel
    plan.meeting = Meeting(every: 4)
    // In the round of steps 5 to 8.
    try check(plan, world, signalIn: 5, stopsAfter: 8, "every 4 steps")
  }

  func testASignalIsNoReasonToStopAfterTheLastStep() throws {
    let world = try world()
    try withFolder(world) { folder in
      let loss = WatchedLoss()
      loss.signalsIn = StopTests.epoch - 1
      let training = try training(world, .dataParallel, loss)
      training.checkpoints = Checkpoints(folder: folder)
      try training.run(epochs: 1)
      XCTAssertFalse(training.isStopped)
      XCTAssertEqual(training.steps, StopTests.epoch)
    }
  }

  func testServersStopAtTheEndOfAStep() throws {
    let world = try world()
    try XCTSkipIf(world.size < 2, "a server and a worker are two ranks")
    let data = try TrainingData(
      csv: "data/breast_cancer.csv", target: "benign", testShare: 0.2)
    func served(_ settings: ServerSettings, _ loss: WatchedLoss) throws -> ServedTraining<Float> {
      let training = try ServedTraining(
        Sequential<Float>(Dense(30, 12), ReLU(), Dense(12, 2)), data, over: world, settings,
        optimizer: SGD(), loss: loss, batchSize: 16)
      training.schedule = .constant(0.05)
      training.stepsPerEpoch = StopTests.epoch
      return training
    }
    var inTurn = ServerSettings(servers: 1)
    inTurn.staleness.bound = 0
    let elastic = ServerSettings(method: .easgd, servers: 0)
    for (name, settings) in [
      ("in turn", inTurn), ("on demand", ServerSettings(servers: 1)), ("elastic", elastic),
    ] {
      let whole = try served(settings, WatchedLoss())
      try whole.run(epochs: 3)
      try withFolder(world) { folder in
        let loss = WatchedLoss()
        // The last worker.
        if world.rank == whole.roles.workers.count - 1 { loss.signalsIn = 2 }
        let first = try served(settings, loss)
        first.checkpoints = Checkpoints(folder: folder)
        try first.run(epochs: 3)
        XCTAssertTrue(first.isStopped, name)
        XCTAssertLessThan(first.steps, 3 * StopTests.epoch, name)
        let second = try served(settings, WatchedLoss())
        second.checkpoints = Checkpoints(folder: folder, resumes: true)
        try second.run(epochs: 3)
        XCTAssertEqual(second.firstStep, first.steps, name)
        XCTAssertEqual(second.steps, 3 * StopTests.epoch, name)
        XCTAssertEqual(second.trainLoss.count, 3, name)
        guard settings.staleness.bound == 0 else { return }
        // Workers that keep step compute the same, whenever they stop, but for the order of their pushes.
        if whole.roles.workers.count == 1 {
          XCTAssertEqual(second.checksum, whole.checksum, name)
        }
        assertClose(second.trainLoss, whole.trainLoss, 1e-4, name)
      }
    }
  }

  /// Notes the numbers of the examples that a run learns from.
  private final class SeenExamples: Layer {
    var numbers: [Int] = []
    let summary = "SeenExamples"

    func outputShape(for input: Shape) -> Shape { input }

    func forward(_ input: Tensor<Float>, _ pass: Pass<Float>) -> Tensor<Float> {
      if pass.isTraining { numbers += pass.examples }
      return input
    }

    func backward(
      _ gradient: Tensor<Float>, _ pass: Pass<Float>, needsInputGradient: Bool
    ) -> Tensor<Float>? { gradient }
  }

  /// Stops a run at the end of an epoch, a step before and a step after, and resumes it.
  func testNoExampleIsLeftOutOrSeenTwice() throws {
    let world = try world()
    let data = try TrainingData(csv: "data/breast_cancer.csv", target: "benign", testShare: 0.2)
    func run(stopAfter end: Int? = nil, _ checkpoints: Checkpoints? = nil) throws -> [Int] {
      let seen = SeenExamples()
      let trainer = try Trainer(
        Sequential<Float>(seen, Dense(30, 2)), input: [30], over: world, optimizer: SGD(),
        loss: SoftmaxCrossEntropy())
      let training = Training(trainer, data, globalBatchSize: 40)
      training.checkpoints = checkpoints
      training.afterStep = {
        // Heard with the loss of the next step.
        if let end, training.steps == end - 1, world.rank == world.size - 1 { raise(SIGUSR1) }
        return .none
      }
      try training.run(epochs: 3)
      XCTAssertEqual(training.isStopped, end != nil)
      return seen.numbers
    }
    let whole = try run()
    var counts = [Int32](repeating: 0, count: data.training.count)
    for number in whole { counts[number] += 1 }
    try world.allReduce(&counts, .sum)
    XCTAssertEqual(counts, Array(repeating: 3, count: counts.count))
    let epoch = (data.training.count + 39) / 40
    for end in [epoch - 1, epoch, epoch + 1, 2 * epoch] {
      try withFolder(world) { folder in
        let before = try run(stopAfter: end, Checkpoints(folder: folder))
        let after = try run(Checkpoints(folder: folder, resumes: true))
        XCTAssertEqual(before + after, whole, "stopped after step \(end)")
      }
    }
  }

  func testCopiesThatDifferAreNamed() throws {
    let world = try world()
    try XCTSkipIf(world.size < 2, "copies are on several ranks")
    for plan in [Plan(layers: .data, update: .replicated), StopTests.model] {
      let training = try training(world, plan)
      let trainer = training.trainer
      try trainer.checkCopies()
      let copied = trainer.network.parameters.filter { $0.shard == nil }
      // Of a model plan's weights each rank has a shard of its own.
      guard let parameter = copied.last else { continue }
      if world.rank == world.size - 1 {
        let bits = parameter.values.values[0].bitPattern ^ 1
        parameter.values.values[0] = Float(bitPattern: bits)
      }
      XCTAssertThrowsError(try trainer.checkCopies()) {
        let words = "\($0)"
        XCTAssertTrue(words.contains("copies of \(parameter.name) differ"), words)
        XCTAssertTrue(
          words.contains(
            world.size == 2
              ? "ranks 0 and 1 have" : "rank \(world.size - 1) differs from the others"),
          words)
      }
    }
  }

  func testAStepThatIsNotFiniteIsLeftOut() throws {
    let world = try world()
    let loss = WatchedLoss()
    if world.rank == world.size - 1 { loss.breaksIn = 3..<5 }
    let training = try training(world, .dataParallel, loss)
    training.skipsNonFinite = true
    try training.run(epochs: 2)
    XCTAssertEqual(training.steps, 2 * StopTests.epoch)
    XCTAssertEqual(training.trainer.skippedSteps, 2)
    XCTAssertEqual(training.trainer.updates, training.steps)
    XCTAssertTrue(training.trainLoss.allSatisfy(\.isFinite))
    let endless = WatchedLoss()
    endless.breaksIn = 3..<1000
    let other = try self.training(world, .dataParallel, endless)
    other.skipsNonFinite = true
    XCTAssertThrowsError(try other.run(epochs: 50)) {
      XCTAssertTrue("\($0)".contains("not a finite number"), "\($0)")
    }
  }
}
