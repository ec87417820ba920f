import AllReduce
import AllReduceMPI
import XCTest

/// What ranks find together against what one rank finds with all examples.
final class DataParallelTests: CollectiveTestCase {
  private static let examples = 37
  private static let inputs = 6
  private static let classes = 4

  /// Every layer whose result may depend on who has which example.
  private func network() throws -> Network<Double> {
    try Network(
      Sequential(
        Dense(DataParallelTests.inputs, 12), BatchNorm(12), ReLU(), Dropout(0.3), Dense(12, 9),
        Tanh(), Dense(9, DataParallelTests.classes)),
      input: [DataParallelTests.inputs], seed: 5)
  }

  /// Inputs, classes and numbers of some of the examples.
  private struct Part {
    let inputs: Tensor<Double>
    var labels: [Int32]
    let numbers: [Int]

    init(_ numbers: Range<Int>) {
      let random = Philox(seed: 11)
      self.numbers = Array(numbers)
      labels = numbers.map { Int32(random.block(at: UInt64($0), stream: 1).x % 4) }
      let width = DataParallelTests.inputs
      inputs = Tensor(
        numbers.flatMap { example in
          (0..<width).map { random.gaussian(at: UInt64(example * width + $0)) }
        }, shape: [numbers.count, width])
    }
  }

  private func forward(
    _ parallel: DataParallel<Double>, _ part: Part
  ) throws -> (own: BatchScore, gradient: Tensor<Double>) {
    parallel.network.pass.examples = part.numbers
    return try parallel.forward(
      part.inputs, .classes(part.labels), SoftmaxCrossEntropy(labelSmoothing: 0.1))
  }

  /// The examples of each rank: even parts, parts that grow with the rank, and some without any.
  private func divisions(_ size: Int) -> [(name: String, parts: [Range<Int>])] {
    let all = DataParallelTests.examples
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

  /// One rank's parallel trainer over itself alone.
  private func alone(_ world: Communicator) throws -> DataParallel<Double> {
    try DataParallel(try network(), over: try world.split(color: world.rank))
  }

  func testGradientsAndWeightsAreThoseOfOneRank() throws {
    let world = try world()
    let single = try alone(world)
    let whole = Part(0..<DataParallelTests.examples)
    for (name, parts) in divisions(world.size) {
      let own = Part(parts[world.rank])
      for algorithm in world.usableAlgorithms {
        for start in ReductionStart.allCases {
          let what = "\(name) by \(algorithm), \(start)"
          let parallel = try DataParallel(
            try network(), over: world, algorithm: algorithm, start: start, bucketBytes: 256)
          single.network.initialize(seed: 5)
          single.nextStep = 0
          let updates = [single, parallel].map {
            Optimizer(Momentum(0.9), layout: $0.network.layout)
          }
          for step in 1...4 {
            let expected = try single.step { _ in try forward(single, whole) }
            let total = try parallel.step { _ in try forward(parallel, own) }
            XCTAssertEqual(total.examples, DataParallelTests.examples, what)
            XCTAssertEqual(total.correct, expected.correct, what)
            XCTAssertEqual(total.loss, expected.loss, accuracy: 1e-10, what)
            for parameter in 0..<single.network.layout.ranges.count {
              assertEqual(
                parallel.network.layout.parameters[parameter].gradient.values,
                single.network.layout.parameters[parameter].gradient.values, what)
            }
            for (trainer, update) in zip([single, parallel], updates) {
              update.update(
                trainer.network,
                OptimizerStep(
                  number: step, learningRate: 0.1, gradientScale: total.gradientScale))
            }
          }
          assertEqual(parallel.network.values, single.network.values, what)
          _ = try parallel.checksum()
        }
      }
    }
  }

  func testMicroBatchesAddUpWithoutExchange() throws {
    let world = try world()
    let single = try alone(world)
    let parallel = try DataParallel(try network(), over: world, start: .duringBackward)
    // The statistics of batch norm are those of a part, so both sides have the same parts.
    let cuts = [0..<20, 20..<22, 22..<DataParallelTests.examples]
    let expected = try single.step(microBatches: 3) { try forward(single, Part(cuts[$0])) }
    let total = try parallel.step(microBatches: 3) { part in
      let block = BlockPartition(count: cuts[part].count, parts: world.size)[world.rank]
      let start = cuts[part].lowerBound
      return try forward(
        parallel, Part(start + block.lowerBound..<start + block.upperBound))
    }
    XCTAssertEqual(total.examples, expected.examples)
    XCTAssertEqual(total.loss, expected.loss, accuracy: 1e-10)
    // The gradients travelled once: two more parts moved two more statistics, which are far less.
    let whole = try DataParallel(try network(), over: world, start: .duringBackward)
    let block = BlockPartition(count: DataParallelTests.examples, parts: world.size)[world.rank]
    _ = try whole.step { _ in try forward(whole, Part(block)) }
    let once = whole.traffic.payloadBytes
    XCTAssertLessThanOrEqual(parallel.traffic.payloadBytes - once, once / 2)
    for (a, b) in zip(parallel.network.layout.parameters, single.network.layout.parameters) {
      assertEqual(a.gradient.values, b.gradient.values, a.name)
    }
  }

  func testAllRanksBeginWithTheWeightsOfRankZero() throws {
    let world = try world()
    let network = try network()
    network.initialize(seed: UInt64(world.rank))
    let parallel = try DataParallel(network, over: world)
    let expected = try self.network()
    expected.initialize(seed: 0)
    for (a, b) in zip(network.parameters, expected.parameters) {
      XCTAssertEqual(a.values.elements, b.values.elements)
    }
    guard world.size > 1 else { return }
    if world.rank == 1 { network.parameters[2].values[3] += 1e-9 }
    XCTAssertThrowsError(try parallel.checksum()) { error in
      XCTAssertEqual((error as? any ExitCoded)?.exitCode, 1)
      XCTAssertTrue("\(error)".contains("rank 1 has the checksum"), "\(error)")
    }
  }

  /// As in `trainer = try DataParallel(...)`: the next trainer comes before the one in its place goes.
  func testANetworkMayGetAnotherTrainer() throws {
    let world = try world()
    let own = Part(BlockPartition(count: DataParallelTests.examples, parts: world.size)[world.rank])
    for mode in UpdateMode.allCases {
      let single = try DataParallel(
        try network(), over: try world.split(color: world.rank), optimizer: SGD())
      let network = try network()
      var trainers: [DataParallel<Double>] = []
      for start in [.duringBackward, .duringBackward, .afterBackward] as [ReductionStart] {
        let what = "\(mode), trainer \(single.updateCount), \(start)"
        trainers.append(
          try DataParallel(
            network, over: world, start: start, bucketBytes: 256, update: mode, optimizer: SGD()))
        assertEqual(network.values, single.network.values, what)
        trainers.removeFirst(trainers.count - 1)
        trainers[0].nextStep = single.nextStep
        let expected = try single.step { _ in
          try forward(single, Part(0..<DataParallelTests.examples))
        }
        let total = try trainers[0].step { _ in try forward(trainers[0], own) }
        XCTAssertEqual(total.loss, expected.loss, accuracy: 1e-10, what)
        try single.update(learningRate: 0.1)
        // The next trainer finds new weights still on their way.
        try trainers[0].update(learningRate: 0.1, finishing: false)
        XCTAssertEqual(
          network.pass.sink?.pieceElements == nil,
          world.hosts.count == 1 || start == .afterBackward,
          what)
      }
      trainers.removeAll()
      assertEqual(network.values, single.network.values, "\(mode)")
      XCTAssertNil(network.pass.sink, "\(mode)")
    }
  }

  func testDifferentNetworksAreRefused() throws {
    let world = try world()
    guard world.size > 1 else { return }
    let hidden = world.isRoot ? 8 : 9
    let network = try Network<Double>(
      Sequential(Dense(3, hidden), Dense(hidden, 2)), input: [3])
    XCTAssertThrowsError(try DataParallel(network, over: world)) { error in
      XCTAssertTrue("\(error)".contains("layers of the network"), "\(error)")
    }
  }
}
