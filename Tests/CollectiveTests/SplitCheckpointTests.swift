import AllReduce
import AllReduceMPI
import AllReduceNN
import Foundation
import XCTest

/// States of sharded weights, which other ranks resume, sharded otherwise or not at all.
final class SplitCheckpointTests: CollectiveTestCase {
  private static let input: Shape = [6, 6, 1]
  private static let classes = 7
  private static let stepsEach = 3

  /// Who trains for some steps.
  private struct Phase: CustomStringConvertible {
    let ranks: Int
    let plan: Plan

    static func data(_ ranks: Int) -> Phase { Phase(ranks: ranks, plan: .dataParallel) }
    static func model(_ ranks: Int) -> Phase { Phase(ranks: ranks, plan: .modelParallel) }
    static func hybrid(_ ranks: Int, _ order: ConversionRun.Order) -> Phase {
      Phase(ranks: ranks, plan: .hybrid(order))
    }
    /// 2 x 2 ranks.
    static func grid(_ plan: Plan) -> Phase {
      Phase(ranks: 4, plan: plan.on(GridShape(data: 2, model: 2)))
    }
    /// Placements that no name has: the first dense layer by rows, the last by data.
    static func mixed(_ ranks: Int) -> Phase {
      var plan = Plan(
        layers: [
          "0": .data, "1": .data, "4": .rows, "5": .replicated, "8": .columns, "10": .data,
        ])
      plan.update = .sharded
      return Phase(ranks: ranks, plan: plan)
    }

    var description: String { "\(ranks) ranks, \(plan.layers), \(plan.conversions)" }
  }

  /// Dense layers with what wants all columns between them, after layers with running averages.
  private func layers() -> [any Layer<Double>] {
    [
      Conv2D(inputChannels: 1, outputChannels: 2, kernel: Size2D(3)), BatchNorm(2), ReLU(),
      Flatten(), Dense(32, 13), LayerNorm(13), ReLU(), Dropout(0.3), Dense(13, 11), Tanh(),
      Dense(11, SplitCheckpointTests.classes),
    ]
  }

  private var start: TrainingState {
    TrainingState(
      sampler: EpochSampler(count: 60, globalBatchSize: 12, seed: 8), optimizer: "test",
      schedule: .constant(0.01))
  }

  /// The examples of a step that a rank has.
  private func batch(
    _ at: TrainingState, _ step: Int, rank: Int, of ranks: Int
  ) -> (inputs: Tensor<Double>, labels: [Int32], numbers: [Int]) {
    let (random, place) = (Philox(seed: 11), at.sampler.stepsPerEpoch)
    let shape = SplitCheckpointTests.input
    let numbers = at.sampler.examples(
      epoch: step / place, step: step % place, rank: rank, of: ranks)
    let values = numbers.flatMap { example in
      (0..<shape.count).map { random.gaussian(at: UInt64(example * shape.count + $0)) }
    }
    return (
      Tensor(values, shape: shape.batch(of: numbers.count)),
      numbers.map { Int32($0 % SplitCheckpointTests.classes) }, numbers
    )
  }

  private func trainer(
    _ root: Sequential<Double>, _ plan: Plan, over group: Communicator, input: Shape? = nil
  ) throws -> Trainer<Double> {
    try Trainer(
      root, input: input ?? SplitCheckpointTests.input, plan: plan, over: group,
      optimizer: Adam(), loss: SoftmaxCrossEntropy(), seed: 5)
  }

  /// Goes on from a state, if there is one, and keeps the new one.
  private func train(
    _ phase: Phase, _ steps: Range<Int>, _ checkpoint: Checkpoint, over group: Communicator
  ) throws -> [Double] {
    if group.isRoot { try checkpoint.prepare() }
    var at = steps.lowerBound > 0 ? try checkpoint.readState(over: group) : start
    XCTAssertEqual(at.steps, steps.lowerBound, "\(phase)")
    var losses: [Double] = []
    let trainer = try trainer(Sequential(layers()), phase.plan, over: group)
    if at.steps > 0 {
      try checkpoint.read(into: trainer.state, over: group)
      (trainer.nextStep, trainer.updates) = (at.randomStep, at.steps)
    }
    let share = trainer.share
    for step in steps {
      let (inputs, labels, numbers) = batch(at, step, rank: share.index, of: share.count)
      losses.append(
        try trainer.step(
          inputs, .classes(labels), examples: numbers, learningRate: 0.01
        ).meanLoss)
    }
    (at.steps, at.randomStep) = (steps.upperBound, trainer.nextStep)
    try trainer.finish()
    try checkpoint.write(trainer.state, at, over: group)
    return losses
  }

  /// Trains one phase after the other, each on the first ranks; the losses are rank 0's alone.
  private func train(_ phases: [Phase], _ path: String, in world: Communicator) throws -> [Double] {
    var losses: [Double] = []
    let each = SplitCheckpointTests.stepsEach
    for (number, phase) in phases.enumerated() {
      let group = try world.split(optionalColor: world.rank < phase.ranks ? 0 : nil)
      if let group {
        losses += try train(
          phase, number * each..<(number + 1) * each, Checkpoint(directory: path), over: group)
      }
      try world.barrier()
    }
    return losses
  }

  private func withFolders(
    _ count: Int, _ world: Communicator, _ body: ([String]) throws -> Void
  ) throws {
    let name = try world.broadcast("allreduce-\(UUID().uuidString)", from: 0)
    let paths = (0..<count).map {
      FileManager.default.temporaryDirectory.appendingPathComponent("\(name)-\($0)").path
    }
    defer {
      if world.isRoot { for path in paths { try? FileManager.default.removeItem(atPath: path) } }
    }
    try body(paths)
  }

  private func assertGoesOn(_ phases: [Phase], line: UInt = #line) throws {
    let world = try world()
    let possible = phases.filter { $0.ranks <= world.size }
    try withFolders(2, world) { folders in
      let reference = try train(
        Array(repeating: .data(1), count: possible.count), folders[0], in: world)
      let losses = try train(possible, folders[1], in: world)
      guard world.isRoot else { return }
      XCTAssertEqual(losses.count, possible.count * SplitCheckpointTests.stepsEach, line: line)
      for (step, (a, b)) in zip(losses, reference).enumerated() {
        XCTAssertEqual(
          a, b, accuracy: 1e-9,
          "\(possible[step / SplitCheckpointTests.stepsEach]), step \(step)", line: line)
      }
      try assertSameFiles(folders, line: line)
    }
  }

  /// Names and shapes are those of the whole network, and the numbers nearly.
  private func assertSameFiles(_ folders: [String], line: UInt) throws {
    let files = try folders.map { try SafetensorsFile(path: Checkpoint(directory: $0).path) }
    XCTAssertEqual(
      Set(files[0].entries.map(\.summary)), Set(files[1].entries.map(\.summary)), line: line)
    for entry in files[0].entries {
      let other = try XCTUnwrap(files[1][entry.name])
      func values(_ file: SafetensorsFile, _ entry: SafetensorsEntry) -> [Double] {
        file.withBytes(of: entry) { bytes in
          (0..<entry.shape.count).map {
            bytes.loadUnaligned(fromByteOffset: 8 * $0, as: Double.self)
          }
        }
      }
      for (a, b) in zip(values(files[0], entry), values(files[1], other)) {
        XCTAssertEqual(a, b, accuracy: 1e-7, entry.name, line: line)
      }
    }
  }

  func testOtherShardsGoOn() throws {
    try assertGoesOn([
      .model(2), .model(1), .mixed(2), .model(3), .mixed(3), .data(2), .model(4), .model(3),
      .model(5),
      .data(1),
    ])
  }

  func testTheMixAndGridsGoOn() throws {
    try assertGoesOn([
      .hybrid(2, .scatterInTurn), .model(2), .grid(.modelParallel), .hybrid(3, .broadcastInTurn),
      .grid(.hybrid(.scatterInTurn)), .data(3), .hybrid(2, .atOnce),
      .grid(.hybrid(.atOnce)), .hybrid(5, .scatterInTurn), .hybrid(1, .scatterInTurn),
    ])
  }

  func testTheSameShardsGoOnBitForBit() throws {
    let world = try world()
    let size = world.size
    try withFolders(2, world) { folders in
      for phase: Phase in [.model(size), .hybrid(size, .scatterInTurn)] {
        let whole = try train(
          phase, 0..<6, Checkpoint(directory: folders[0]), over: world)
        let parts = try train([phase, phase], folders[1], in: world)
        XCTAssertEqual(parts, whole, "\(phase)")
      }
    }
  }

  func testTheStateOfAnotherNetworkIsRefused() throws {
    let world = try world()
    try withFolders(1, world) { folders in
      let checkpoint = Checkpoint(directory: folders[0])
      if world.isRoot { try checkpoint.prepare() }
      func make(_ width: Int) throws -> Trainer<Double> {
        try trainer(
          Sequential(Dense(6, width), ReLU(), Dense(width, 5)), .modelParallel, over: world,
          input: [6])
      }
      try checkpoint.write(make(12).state, start, over: world)
      let other = try make(13)
      let before = Array(other.network.values)
      XCTAssertThrowsError(
        try checkpoint.read(into: other.state, over: world)
      ) { error in
        XCTAssertEqual((error as? AgreedError)?.exitCode, 65, "\(error)")
        for part in ["\"0.weight\" F64 [13, 6]", "\"0.weight\" F64 [12, 6]"] {
          XCTAssertTrue("\(error)".contains(part), "\(part) in \(error)")
        }
      }
      XCTAssertEqual(Array(other.network.values), before)
    }
  }
}
