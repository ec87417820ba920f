import AllReduce
import AllReduceMPI
import AllReduceNN
import Foundation
import XCTest

/// States that some ranks write and others read.
final class CheckpointTests: CollectiveTestCase {
  private static let examples = 36

  /// A folder with the same name on all ranks, removed by rank 0.
  private func withFolder(_ world: Communicator, _ body: (String) throws -> Void) throws {
    let name = try world.broadcast("allreduce-\(UUID().uuidString)", from: 0)
    let path = FileManager.default.temporaryDirectory.appendingPathComponent(name).path
    defer { if world.isRoot { try? FileManager.default.removeItem(atPath: path) } }
    try body(path)
  }

  private func layers(width: Int = 12) -> Sequential<Double> {
    Sequential(Dense(6, width), BatchNorm(width), ReLU(), Dropout(0.3), Dense(width, 4))
  }

  private func network(width: Int = 12) throws -> Network<Double> {
    try Network(layers(width: width), input: [6], seed: 5)
  }

  private func state(schedule: LearningRateSchedule = .constant(0.1)) -> TrainingState {
    TrainingState(
      sampler: EpochSampler(count: CheckpointTests.examples, globalBatchSize: 9, seed: .max),
      optimizer: "test", schedule: schedule)
  }

  private func fill(_ values: UnsafeMutableBufferPointer<Double>, _ start: Double) {
    for index in values.indices { values[index] = start + Double(index) }
  }

  func testWhereATrainingStandsIsReadAsItWasWritten() throws {
    let world = try world()
    try withFolder(world) { path in
      let checkpoint = Checkpoint(directory: path + "/")
      if world.isRoot { try checkpoint.prepare() }
      for schedule: LearningRateSchedule in [
        .constant(0.1), .stepwise(1, factor: 0.1, after: [3, 9]), .cosine(from: 1.0 / 3, over: 5),
        .warmUp(from: 0.01, over: 3, then: .cosine(from: 0.1, to: 1e-300, over: 7)),
      ] {
        var written = state(schedule: schedule)
        (written.steps, written.epoch, written.stepsOfEpoch) = (11, 2, 3)
        written.randomStep = .max - 1
        written.epochScore = BatchScore(examples: 7, loss: 0.1 + 0.2, correct: 5)
        (written.trainLoss, written.testAccuracy) = ([1.0 / 3, 2], [0.5, 1])
        try checkpoint.write([StateTensor<Double>](), written, over: world)
        XCTAssertEqual(try checkpoint.readState(over: world), written)
      }
    }
  }

  func testWhatSomeShardsWroteOtherShardsRead() throws {
    let world = try world()
    let (size, rank) = (world.size, world.rank)
    let (rows, columns) = (5, 7 * size)
    let count = rows * columns
    try withFolder(world) { path in
      let checkpoint = Checkpoint(directory: path)
      if world.isRoot { try checkpoint.prepare() }
      // Columns of a matrix, and uneven slices of a vector, some of them empty.
      let own = BlockPartition(count: columns, parts: size)[rank]
      let block = TensorMemory<Double>(count: rows * own.count)
      for row in 0..<rows {
        for column in own {
          block.values[row * own.count + column - own.lowerBound] = Double(row * columns + column)
        }
      }
      let slice =
        rank == 0 ? 0..<0 : BlockPartition(count: count, parts: max(size - 1, 1))[rank - 1]
      let vectorSlice = size == 1 ? 0..<count : slice
      let vector = TensorMemory<Double>(count: vectorSlice.count)
      fill(vector.values, Double(vectorSlice.lowerBound))
      try withExtendedLifetime((block, vector)) {
        try checkpoint.write(
          [
            StateTensor(
              "matrix", shape: [rows, columns],
              parts: [(StatePiece(columns: own, of: columns, rows: rows), block.values)]),
            StateTensor(
              "vector", shape: [count], parts: [(StatePiece(vectorSlice), vector.values)]),
            // Held by all: the lowest rank's is taken.
            StateTensor("all", whole: Tensor(repeating: Double(rank), shape: [2])),
          ], state(), over: world)
      }
      // Now rows of the matrix for each, and all of the vector for the last rank.
      let ownRows = BlockPartition(count: rows, parts: size)[rank]
      let part = TensorMemory<Double>(count: ownRows.count * columns)
      let whole = TensorMemory<Double>(count: rank == size - 1 ? count : 0)
      let all = Tensor<Double>(repeating: -1, shape: [2])
      let range = ownRows.lowerBound * columns..<ownRows.upperBound * columns
      try checkpoint.read(
        into: [
          StateTensor("matrix", shape: [rows, columns], parts: [(StatePiece(range), part.values)]),
          StateTensor(
            "vector", shape: [count],
            parts: rank == size - 1 ? [(StatePiece(0..<count), whole.values)] : []),
          StateTensor("all", whole: all),
        ], over: world)
      XCTAssertEqual(Array(part.values), range.map(Double.init))
      XCTAssertEqual(Array(whole.values), rank == size - 1 ? (0..<count).map(Double.init) : [])
      XCTAssertEqual(Array(all.values), [0, 0])
    }
  }

  private func trainer(
    over world: Communicator, _ update: UpdateMode
  ) throws -> Trainer<Double> {
    try Trainer(
      layers(), input: [6], plan: Plan(layers: .data, update: update, bucketBytes: 256),
      over: world, optimizer: Adam(), loss: SoftmaxCrossEntropy(), seed: 5)
  }

  /// Trains some ranks from a step on and returns the losses; others of the world do nothing.
  private func train(
    _ world: Communicator, ranks: Int, steps: Range<Int>, _ checkpoint: Checkpoint,
    _ update: UpdateMode = .replicated
  ) throws -> [Double] {
    let group = try world.split(optionalColor: world.rank < ranks ? 0 : nil)
    defer { try? world.barrier() }
    guard let group else { return [] }
    let trainer = try trainer(over: group, update)
    var at = state()
    if steps.lowerBound > 0 {
      at = try checkpoint.readState(over: group)
      XCTAssertEqual(at.steps, steps.lowerBound)
      try checkpoint.read(into: trainer.state, over: group)
      (trainer.nextStep, trainer.updates) = (at.randomStep, at.steps)
    }
    let losses = try take(steps, trainer, at)
    (at.steps, at.randomStep) = (steps.upperBound, trainer.nextStep)
    if group.isRoot { try checkpoint.prepare() }
    try trainer.finish()
    try checkpoint.write(trainer.state, at, over: group)
    return losses
  }

  func testOtherNumbersOfRanksGoOnWithTheSameLosses() throws {
    let world = try world()
    try withFolder(world) { path in
      let (whole, parts) = (Checkpoint(directory: path), Checkpoint(directory: path))
      let reference = try train(world, ranks: 1, steps: 0..<12, whole)
      var losses: [Double] = []
      for (ranks, steps) in [(1, 0..<3), (2, 3..<7), (3, 7..<10), (1, 10..<12)] {
        losses += try train(
          world, ranks: min(ranks, world.size), steps: steps, parts,
          ranks > 1 ? .sharded : .replicated)
      }
      guard world.isRoot else { return }
      XCTAssertEqual(losses.count, reference.count)
      for (step, (a, b)) in zip(losses, reference).enumerated() {
        XCTAssertEqual(a, b, accuracy: world.size == 1 ? 0 : 1e-10, "step \(step)")
      }
    }
  }

  /// Takes steps on all ranks of a trainer.
  private func take(
    _ steps: Range<Int>, _ trainer: Trainer<Double>, _ at: TrainingState
  ) throws -> [Double] {
    let random = Philox(seed: 11)
    let share = trainer.share
    let place = at.sampler.stepsPerEpoch
    return try steps.map { step in
      let numbers = at.sampler.examples(
        epoch: step / place, step: step % place, rank: share.index, of: share.count)
      let inputs = Tensor<Double>(
        numbers.flatMap { example in (0..<6).map { random.gaussian(at: UInt64(example * 6 + $0)) }
        },
        shape: [numbers.count, 6])
      return try trainer.step(
        inputs, .classes(numbers.map { Int32($0 % 4) }), examples: numbers,
        learningRate: at.schedule.rate(afterSteps: step)
      ).meanLoss
    }
  }

  func testEveryModeOfUpdateGoesOnFromEveryOther() throws {
    let world = try world()
    for first in UpdateMode.allCases {
      try withFolder(world) { path in
        let checkpoint = Checkpoint(directory: path)
        if world.isRoot { try checkpoint.prepare() }
        let whole = try trainer(over: world, first)
        var at = state()
        _ = try take(0..<3, whole, at)
        (at.steps, at.randomStep) = (3, whole.nextStep)
        try whole.finish()
        try checkpoint.write(whole.state, at, over: world)
        let reference = try take(3..<6, whole, at)
        for second in UpdateMode.allCases {
          let trainer = try trainer(over: world, second)
          at = try checkpoint.readState(over: world)
          try checkpoint.read(into: trainer.state, over: world)
          (trainer.nextStep, trainer.updates) = (at.randomStep, at.steps)
          let losses = try take(3..<6, trainer, at)
          for (a, b) in zip(losses, reference) {
            XCTAssertEqual(a, b, accuracy: first == second ? 0 : 1e-10, "\(first) \(second)")
          }
          if first == second { XCTAssertEqual(try trainer.checksum(), try whole.checksum()) }
        }
      }
    }
  }

  func testPiecesThatOverlapAreWrittenOnce() throws {
    let world = try world()
    let (size, rank) = (world.size, world.rank)
    try withFolder(world) { path in
      let checkpoint = Checkpoint(directory: path)
      if world.isRoot { try checkpoint.prepare() }
      // Each rank has a third more than its part, as where hosts divide a tensor otherwise.
      let own = 6 * rank..<min(6 * rank + 8, 6 * size)
      let memory = TensorMemory<Double>(count: own.count)
      fill(memory.values, Double(own.lowerBound))
      let part = StateTensor(
        "vector", shape: [6 * size], parts: [(StatePiece(own), memory.values)])
      try checkpoint.write([part], state(), over: world)
      let all = Tensor<Double>(repeating: -1, shape: [6 * size])
      try checkpoint.read(into: [StateTensor("vector", whole: all)], over: world)
      XCTAssertEqual(Array(all.values), (0..<6 * size).map(Double.init))
    }
  }

  func testWhatDoesNotFitIsRefusedAndChangesNothing() throws {
    let world = try world()
    try withFolder(world) { path in
      let checkpoint = Checkpoint(directory: path)
      func assertRefused(_ parts: [String], line: UInt = #line, _ body: () throws -> Void) {
        XCTAssertThrowsError(try body(), line: line) { error in
          XCTAssertEqual((error as? AgreedError)?.exitCode, 65, "\(error)", line: line)
          for part in parts {
            XCTAssertTrue("\(error)".contains(part), "\(part) in \(error)", line: line)
          }
        }
      }
      assertRefused(["checkpoint.safetensors", "no such file"]) {
        _ = try checkpoint.readState(over: world)
      }
      assertRefused(["checkpoint.safetensors", "No such file"]) {
        try checkpoint.write(try network().stateTensors, state(), over: world)
      }
      if world.isRoot { try checkpoint.prepare() }
      try checkpoint.write(try network().stateTensors, state(), over: world)
      let other = try network(width: 13)
      let before = Array(other.values)
      assertRefused(["\"0.weight\" F64 [13, 6]", "\"0.weight\" F64 [12, 6]"]) {
        try checkpoint.read(into: other.stateTensors, over: world)
      }
      let vectors = Optimizer(Momentum(0.9), layout: other.layout)
      assertRefused(["\"0.weight\"", "[13, 6]"]) {
        try checkpoint.read(
          into: other.stateTensors + vectors.stateTensors, over: world)
      }
      XCTAssertEqual(Array(other.values), before)
      let same = try network()
      let more = StateTensor("more", whole: Tensor<Double>(repeating: 0, shape: [2]))
      assertRefused(["\"more\" F64 [2]", "no such tensor"]) {
        try checkpoint.read(into: same.stateTensors + [more], over: world)
      }
      assertRefused(["only the 1 tensors", "\"0.bias\""]) {
        try checkpoint.read(into: Array(same.stateTensors.prefix(1)), over: world)
      }
    }
  }
}
