import AllReduce
import AllReduceMPI
import XCTest

/// What ranks find together, each with its own examples, against what one rank finds with all of them.
final class TrainerTests: CollectiveTestCase {
  private static let examples = 37
  private static let inputs = 6
  private static let classes = 4

  /// Every layer whose result may depend on who has which example.
  private func layers() -> Sequential<Double> {
    Sequential(
      Dense(TrainerTests.inputs, 12), BatchNorm(12), ReLU(), Dropout(0.3), Dense(12, 9), Tanh(),
      Dense(9, TrainerTests.classes))
  }

  private func trainer(
    over world: Communicator, _ plan: Plan = Plan(layers: .data, update: .replicated),
    algorithm: ReductionAlgorithm = .automatic
  ) throws -> Trainer<Double> {
    try Trainer(
      layers(), input: [TrainerTests.inputs], plan: plan, over: world, optimizer: Momentum(0.9),
      loss: SoftmaxCrossEntropy(labelSmoothing: 0.1), algorithm: algorithm, seed: 5)
  }

  /// Some of the examples.
  private func part(_ numbers: Range<Int>) -> Trainer<Double>.Part {
    let random = Philox(seed: 11)
    let width = TrainerTests.inputs
    let labels = numbers.map { Int32(random.block(at: UInt64($0), stream: 1).x % 4) }
    let inputs = Tensor(
      numbers.flatMap { example in
        (0..<width).map { random.gaussian(at: UInt64(example * width + $0)) }
      }, shape: [numbers.count, width])
    return (inputs, .classes(labels), Array(numbers))
  }

  /// The examples of each rank: even parts, parts that grow with the rank, and some without any.
  private func divisions(_ size: Int) -> [(name: String, parts: [Range<Int>])] {
    let all = TrainerTests.examples
    let blocks = Array(BlockPartition(count: all, parts: size))
    let weights = (0..<size).map { $0 * ($0 + 1) / 2 }
    let sum = size * (size + 1) / 2
    let growing = weights.indices.map { rank in
      weights[rank] * all / sum..<(rank + 1 < size ? weights[rank + 1] * all / sum : all)
    }
    let few = (0..<size).map { $0 == size - 1 ? 0..<all : 0..<0 }
    return [("even", blocks), ("growing", growing), ("all on the last rank", few)]
  }

  private func assertEqual(
    _ a: UnsafeMutableBufferPointer<Double>, _ b: UnsafeMutableBufferPointer<Double>,
    _ what: String, line: UInt = #line
  ) {
    var largest = 0.0
    for index in a.indices { largest = max(largest, abs(a[index] - b[index])) }
    XCTAssertLessThanOrEqual(largest, 1e-12, what, line: line)
  }

  func testGradientsAndWeightsAreThoseOfOneRank() throws {
    let world = try world()
    let alone = try world.split(color: world.rank)
    let whole = part(0..<TrainerTests.examples)
    for (name, parts) in divisions(world.size) {
      let own = part(parts[world.rank])
      for algorithm in world.usableAlgorithms {
        for overlap in [true, false] {
          let what = "\(name) by \(algorithm), overlap \(overlap)"
          let single = try trainer(over: alone)
          let trainer = try trainer(
            over: world,
            Plan(layers: .data, update: .replicated, overlap: overlap, bucketBytes: 256),
            algorithm: algorithm)
          for _ in 1...4 {
            let expected = try single.computeGradient { _ in whole }
            let total = try trainer.computeGradient { _ in own }
            XCTAssertEqual(total.examples, TrainerTests.examples, what)
            XCTAssertEqual(total.correct, expected.correct, what)
            XCTAssertEqual(total.loss, expected.loss, accuracy: 1e-10, what)
            for (a, b) in zip(
              trainer.network.layout.parameters, single.network.layout.parameters)
            {
              assertEqual(a.gradient.values, b.gradient.values, "\(what), \(a.name)")
            }
            XCTAssertTrue(try single.update(learningRate: 0.1))
            XCTAssertTrue(try trainer.update(learningRate: 0.1))
          }
          assertEqual(trainer.network.values, single.network.values, what)
          _ = try trainer.checksum()
        }
      }
    }
  }

  func testPartsAddUpWithoutExchange() throws {
    let world = try world()
    let single = try trainer(over: try world.split(color: world.rank))
    let (trainer, other) = (try trainer(over: world), try trainer(over: world))
    // The statistics of batch norm are those of a part, so both sides have the same parts.
    let cuts = [0..<20, 20..<22, 22..<TrainerTests.examples]
    let expected = try single.computeGradient(parts: 3) { part(cuts[$0]) }
    func own(_ all: Range<Int>) -> Range<Int> {
      let block = BlockPartition(count: all.count, parts: world.size)[world.rank]
      return all.lowerBound + block.lowerBound..<all.lowerBound + block.upperBound
    }
    let total = try trainer.computeGradient(parts: 3) { part(own(cuts[$0])) }
    XCTAssertEqual(total.examples, expected.examples)
    XCTAssertEqual(total.loss, expected.loss, accuracy: 1e-10)
    for (a, b) in zip(trainer.network.layout.parameters, single.network.layout.parameters) {
      assertEqual(a.gradient.values, b.gradient.values, a.name)
    }
    // The gradient crosses once, as that of one whole batch does.
    _ = try other.computeGradient { _ in part(own(0..<TrainerTests.examples)) }
    let gradients = [trainer, other].map { $0.exchanges.first { $0.layer.contains("gradients") } }
    // Doubts on a busy machine are bytes of agreement.
    XCTAssertEqual(
      gradients[0]?.traffic.networkBytesSent, gradients[1]?.traffic.networkBytesSent)
    XCTAssertEqual(
      gradients[0]?.traffic.memoryBytesExchanged, gradients[1]?.traffic.memoryBytesExchanged)
    XCTAssertEqual(gradients[0] == nil, world.size == 1)
  }

  func testRanksWithOtherWeightsAreNamed() throws {
    let world = try world()
    try XCTSkipIf(world.size == 1, "one rank cannot differ")
    let trainer = try trainer(over: world)
    if world.rank == 1 { trainer.network.parameters[2].values[3] += 1e-9 }
    XCTAssertThrowsError(try trainer.checksum()) { error in
      XCTAssertEqual((error as? any ExitCoded)?.exitCode, 1)
      XCTAssertTrue("\(error)".contains("rank 1 has the checksum"), "\(error)")
    }
  }

  func testDifferentNetworksSeedsAndPlansAreRefused() throws {
    let world = try world()
    try XCTSkipIf(world.size == 1, "one rank cannot differ")
    func make(_ hidden: Int, _ seed: UInt64, _ plan: Plan) throws {
      _ = try Trainer<Double>(
        Sequential(Dense(3, hidden), Dense(hidden, 5)), input: [3], plan: plan, over: world,
        optimizer: SGD(), loss: SoftmaxCrossEntropy(), seed: seed)
    }
    for (word, hidden, seed, plan) in [
      ("Dense 3 -> 9", world.isRoot ? 8 : 9, 1, .dataParallel),
      ("layers or seed", 8, UInt64(world.rank), .dataParallel),
      ("plan", 8, 1, world.isRoot ? .dataParallel : .modelParallel),
    ] as [(String, Int, UInt64, Plan)] {
      XCTAssertThrowsError(try make(hidden, seed, plan)) { error in
        XCTAssertTrue("\(error)".contains(word), "\(error)")
      }
    }
  }

  /// A loss that is finite while its gradient, on the last rank, is not.
  private struct BrokenLoss: Loss {
    let isBroken: Bool
    func evaluate(
      _ output: Tensor<Double>, _ targets: Targets<Double>, gradient: Tensor<Double>?
    ) throws -> BatchScore {
      let score = try SoftmaxCrossEntropy().evaluate(output, targets, gradient: gradient)
      if isBroken { gradient?.values[1] = .nan }
      return score
    }
  }

  func testAGradientThatIsNotFiniteIsSkippedByAll() throws {
    let world = try world()
    for mode in UpdateMode.allCases {
      let trainer = try Trainer(
        layers(), input: [TrainerTests.inputs], plan: Plan(layers: .data, update: mode),
        over: world, optimizer: Momentum(),
        loss: BrokenLoss(isBroken: world.rank == world.size - 1),
        clipping: GradientClipping(maximumNorm: 1), seed: 5)
      let before = try trainer.checksum()
      let (inputs, targets, numbers) = part(0..<8)
      _ = try trainer.step(inputs, targets, examples: numbers, learningRate: 1)
      XCTAssertEqual(trainer.skippedSteps, 1, "\(mode)")
      XCTAssertEqual(trainer.updates, 0, "\(mode)")
      XCTAssertEqual(try trainer.checksum(), before, "\(mode)")
    }
  }

  func testALossThatIsNotFiniteChangesNoWeight() throws {
    let world = try world()
    for plan in [Plan.dataParallel, .modelParallel, .hybrid(.atOnce), .hybrid(.scatterInTurn)] {
      let trainer = try Trainer<Float>(
        Sequential(Dense(6, 20), ReLU(), Dense(20, 7)), input: [6], plan: plan, over: world,
        optimizer: SGD(), loss: SoftmaxCrossEntropy())
      let before = try trainer.checksum()
      let labels = [Int32](repeating: 1, count: 8)
      let total = try trainer.step(
        Tensor(repeating: .infinity, shape: [8, 6]), .classes(labels), learningRate: 0.1)
      XCTAssertFalse(total.loss.isFinite)
      XCTAssertEqual(trainer.skippedSteps, 1)
      XCTAssertEqual(try trainer.checksum(), before)
    }
  }

  func testEvaluationSharesTheWorkAndDropsNothing() throws {
    let world = try world()
    let data = SyntheticImages(count: 23)
    let root: () -> Sequential<Float> = {
      Sequential(
        Flatten(), Dense(data.exampleShape.count, 24), Dropout(0.5), Dense(24, data.classCount))
    }
    func score(_ plan: Plan, _ ranks: Communicator) throws -> BatchScore {
      let trainer = try Trainer(
        root(), input: data.exampleShape, plan: plan, over: ranks, optimizer: SGD(),
        loss: SoftmaxCrossEntropy(), seed: 2)
      return try trainer.score(on: data, batchSize: 5)
    }
    let expected = try score(.dataParallel, world.split(color: world.rank))
    XCTAssertEqual(expected.examples, data.count)
    for plan in [Plan.dataParallel, .modelParallel, .hybrid()] {
      let found = try score(plan, world)
      XCTAssertEqual(found.examples, expected.examples)
      XCTAssertEqual(found.correct, expected.correct)
      XCTAssertEqual(found.loss, expected.loss, accuracy: 1e-4 * expected.loss)
    }
  }
}
