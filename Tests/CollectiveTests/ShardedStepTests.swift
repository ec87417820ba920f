import AllReduce
import AllReduceMPI
import XCTest

/// Steps under plans that shard weights: what they send, what memory they take, and updates within them.
final class ShardedStepTests: CollectiveTestCase {
  private static let classes = 7

  private func part(_ numbers: Range<Int>, _ input: Shape) -> (Tensor<Double>, [Int32], [Int]) {
    let random = Philox(seed: 11)
    return (
      Tensor(
        numbers.flatMap { example in
          (0..<input.count).map { random.gaussian(at: UInt64(example * input.count + $0)) }
        }, shape: input.batch(of: numbers.count)),
      numbers.map { Int32($0 % ShardedStepTests.classes) }, Array(numbers)
    )
  }

  private func convolution() -> Sequential<Double> {
    Sequential(
      Conv2D(inputChannels: 1, outputChannels: 3, kernel: Size2D(3)), ReLU(),
      MaxPool2D(kernel: Size2D(2)), Flatten(), Dropout(0.2), Dense(12, 130), ReLU(), Dropout(0.4),
      Dense(130, ShardedStepTests.classes))
  }

  private func trainer(
    _ root: Sequential<Double>, _ input: Shape, _ plan: Plan, _ rule: any UpdateRule = SGD()
  ) throws -> Trainer<Double> {
    try Trainer(
      root, input: input, plan: plan, over: world(), optimizer: rule, loss: SoftmaxCrossEntropy(),
      seed: 3)
  }

  func testTurnsSendAndKeepWhatTheFormulasSay() throws {
    let world = try world()
    let (batch, width) = (world.size * 2, 12)
    for order in ConversionRun.Order.allCases {
      let trainer = try trainer(convolution(), [6, 6, 1], .hybrid(order))
      let (inputs, labels, numbers) = part(
        world.rank * batch..<(world.rank + 1) * batch, [6, 6, 1])
      _ = try trainer.step(inputs, .classes(labels), examples: numbers, learningRate: 0.1)
      let crossing = trainer.exchanges.filter { $0.layer.hasPrefix("5 ") }
        .map(\.traffic.payloadBytes)
      let each = (world.size - 1) * batch * width * MemoryLayout<Double>.stride
      // In shared memory every rank adds up a slice for the root, and writes it there.
      let written = order == .broadcastInTurn && world.hosts.count == 1 ? each / world.size : 0
      XCTAssertEqual(crossing, [each, each + written], "\(order)")
      guard order != .atOnce else { continue }
      // The memory of the examples in the later layers grows with the number that they have at once.
      XCTAssertEqual(trainer.largestTurn, batch)
      let buffers = order == .broadcastInTurn && world.size > 1 ? 3 : 2
      XCTAssertEqual(trainer.turnCapacity, buffers * batch * width, "\(order)")
    }
  }

  func testColumnsThenRowsCostOneAllReduceEachWay() throws {
    let world = try world()
    let trainer = try trainer(
      Sequential(Dense(6, 20), ReLU(), Dense(20, 30), ReLU(), Dense(30, 7)), [6], .modelParallel)
    let (inputs, labels, _) = part(0..<16, [6])
    _ = try trainer.step(inputs, .classes(labels), learningRate: 0.1)
    // The input needs no gradient, rows give their inputs' whole.
    let moved = trainer.exchanges.filter { $0.layer.hasPrefix("4 ") || $0.layer.hasPrefix("3 ") }
      .filter { $0.traffic != Traffic() }
    XCTAssertEqual(
      moved.map(\.kind), world.size == 1 ? [] : ["all-reduce", "all-reduce backward"])
    let (count, hosts) = (16 * 30, world.hosts.count)
    for exchange in moved {
      let total = try world.allReduce(
        Double(
          hosts == 1
            ? exchange.traffic.memoryBytesExchanged : exchange.traffic.networkBytesSent), .sum)
      let multiples: Double
      if hosts == 1 {
        // One that is waited for at once is small enough for every rank to read all; one that goes on
        // behind the gradient of the weight is added up in slices.
        multiples = Double(
          (exchange.kind.hasSuffix("backward") ? 2 : world.size) * (world.size - 1))
      } else if hosts == world.size {
        let algorithm = world.algorithm(
          for: .automatic, count: count, of: Double.self, isInArena: true)
        multiples =
          ScheduleCost(.allReduce, by: algorithm.kind, size: world.size).totalSent.value
      } else {
        multiples = Double(2 * (hosts - 1))
      }
      XCTAssertEqual(total, multiples * Double(count * MemoryLayout<Double>.stride))
    }
  }

  func testUpdatesWithinAStepHaveTheBitsOfAnUpdateAfterIt() throws {
    let world = try world()
    let rules: [any UpdateRule] = [SGD(), Momentum(0.9, weightDecay: 0.1), Adam(), LARS()]
    for grid in [GridShape(model: world.size), GridShape(data: world.size)] {
      // Each rank has so large a part of the wide weight that its step is taken within the product.
      let wide =
        WeightStepLimit.leastBytes / (64 * MemoryLayout<Double>.stride) * grid.model
      let root: () -> Sequential<Double> = {
        Sequential(
          Dense(6, 13), LayerNorm(13), ReLU(), Dense(13, 64), Dropout(0.5), Dense(64, wide), ReLU(),
          Dense(wide, 7))
      }
      for (number, rule) in rules.enumerated() {
        let plan = Plan.modelParallel.on(grid)
        let (one, two) = (
          try trainer(root(), [6], plan, rule), try trainer(root(), [6], plan, rule)
        )
        let share = one.share
        let own = BlockPartition(count: 12 * share.count, parts: share.count)[share.index]
        for step in 1...3 {
          let (inputs, labels, numbers) = part(own, [6])
          let total = try one.computeGradient { _ in (inputs, .classes(labels), numbers) }
          try one.update(learningRate: 0.1)
          XCTAssertEqual(
            try two.step(inputs, .classes(labels), examples: numbers, learningRate: 0.1), total)
          XCTAssertEqual(
            try one.checksum(), try two.checksum(), "grid \(grid), rule \(number), step \(step)")
        }
      }
    }
  }

  func testWeightsMayChangeAfterEachTurn() throws {
    let world = try world()
    for order in [ConversionRun.Order.broadcastInTurn, .scatterInTurn] {
      for model in 1...world.size where world.size % model == 0 {
        let grid = GridShape(data: world.size / model, model: model)
        let root = Sequential<Double>(
          Conv2D(inputChannels: 1, outputChannels: 2, kernel: Size2D(3)), BatchNorm(2), Tanh(),
          Flatten(), Dense(32, ShardedStepTests.classes))
        let trainer = try trainer(root, [6, 6, 1], Plan.hybrid(order, update: .turn).on(grid))
        var losses: [Double] = []
        let (inputs, labels, numbers) = part(4 * world.rank..<4 * world.rank + 4, [6, 6, 1])
        for _ in 1...40 {
          let total = try trainer.step(
            inputs, .classes(labels), examples: numbers, learningRate: 0.3)
          XCTAssertEqual(total.examples, 4 * world.size)
          losses.append(total.loss)
          _ = try trainer.checksum()
        }
        XCTAssertLessThan(losses[39], 0.7 * losses[0], "\(order), \(grid)")
        XCTAssertEqual(
          trainer.largestTurn, order.largestTurn(Array(repeating: 4, count: model)),
          "\(order), \(grid)")
      }
    }
  }

  func testWhatDoesNotFitIsNamedOnEveryRank() throws {
    let world = try world()
    func assertThrows(_ parts: [String], _ work: () throws -> Void, line: UInt = #line) {
      XCTAssertThrowsError(try work(), line: line) { error in
        XCTAssertEqual((error as? any ExitCoded)?.exitCode, 64, "\(error)", line: line)
        for part in parts { XCTAssertTrue("\(error)".contains(part), "\(error)", line: line) }
      }
    }
    let size = world.size
    assertThrows(["\(size + 1) x 2", "\(2 * size + 2) ranks", "\(size)"]) {
      _ = try Grid(world, GridShape(data: size + 1, model: 2))
    }
    try XCTSkipIf(size == 1, "one rank has nothing to shard")
    assertThrows(["\(size - 1) outputs", "\(size) ranks", "columns"]) {
      _ = try trainer(Sequential(Dense(8, size - 1)), [8], .modelParallel)
    }
  }
}
