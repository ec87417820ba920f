import AllReduce
import AllReduceMPI
import XCTest

/// What ranks learn in each mode of update, against what one rank learns with all examples.
final class UpdateModeTests: CollectiveTestCase {
  private static let examples = 24
  private static let inputs = 20

  private func trainer(
    over world: Communicator, _ rule: any UpdateRule, _ update: UpdateMode = .replicated,
    overlap: Bool = true, clipping: GradientClipping? = nil, virtualShards: Int? = nil
  ) throws -> Trainer<Double> {
    try Trainer(
      Sequential(
        Dense(UpdateModeTests.inputs, 40), LayerNorm(40), Tanh(),
        Residual(Sequential(Dense(40, 40), Tanh())), Dense(40, 4)),
      input: [UpdateModeTests.inputs],
      plan: Plan(layers: .data, update: update, overlap: overlap, bucketBytes: 1024), over: world,
      optimizer: rule, loss: SoftmaxCrossEntropy(), clipping: clipping,
      virtualShards: virtualShards, seed: 3)
  }

  private func part(_ numbers: Range<Int>) -> Trainer<Double>.Part {
    let width = UpdateModeTests.inputs
    let random = Philox(seed: 4)
    let inputs = Tensor(
      numbers.flatMap { example in
        (0..<width).map { random.gaussian(at: UInt64(example * width + $0)) }
      }, shape: [numbers.count, width])
    return (inputs, .classes(numbers.map { Int32($0 % 4) }), [])
  }

  private func step(
    _ trainer: Trainer<Double>, _ numbers: Range<Int>, _ rate: Double
  ) throws -> BatchScore {
    try trainer.step(parts: 1, learningRate: rate) { _ in part(numbers) }
  }

  private func assertClose(_ trainer: Trainer<Double>, _ single: Trainer<Double>, _ what: String) {
    for (a, b) in zip(trainer.network.parameters, single.network.parameters) {
      let far = zip(a.values.elements, b.values.elements).map { abs($0 - $1) }.max() ?? 0
      XCTAssertLessThanOrEqual(far, 1e-10, "\(what), \(a.name)")
    }
  }

  func testAllModesLearnWhatOneRankLearns() throws {
    let world = try world()
    let alone = try world.split(color: world.rank)
    let own = BlockPartition(count: UpdateModeTests.examples, parts: world.size)[world.rank]
    let rules: [any UpdateRule] = [
      SGD(), Momentum(weightDecay: 0.01), Adam(), LARS(trust: 0.1),
    ]
    for rule in rules {
      for clipping in [nil, GradientClipping(maximumNorm: 0.1)] {
        let single = try trainer(over: alone, rule, clipping: clipping)
        let losses = try (0..<5).map { _ in
          try step(single, 0..<UpdateModeTests.examples, 0.05).loss
        }
        XCTAssertEqual(single.updates, 5)
        for mode in UpdateMode.allCases {
          for overlap in [true, false] {
            let what = "\(mode) \(type(of: rule)) \(overlap), clipping \(clipping != nil)"
            let trainer = try trainer(over: world, rule, mode, overlap: overlap, clipping: clipping)
            for number in 0..<5 {
              let total: BatchScore
              if overlap {
                // New weights are on their way behind the next forward pass.
                total = try step(trainer, own, 0.05)
              } else {
                total = try trainer.computeGradient { _ in part(own) }
                XCTAssertTrue(try trainer.update(learningRate: 0.05), what)
              }
              XCTAssertEqual(total.examples, UpdateModeTests.examples, what)
              XCTAssertEqual(total.loss, losses[number], accuracy: 1e-9, what)
            }
            XCTAssertEqual(trainer.updates, 5, what)
            _ = try trainer.checksum()
            assertClose(trainer, single, what)
          }
        }
      }
    }
  }

  /// Each number of the weights is updated by one rank of all, or of its host.
  func testPiecesCoverTheParametersOnce() throws {
    let world = try world()
    for mode in UpdateMode.allCases {
      let trainer = try trainer(over: world, Momentum(), mode)
      let layout = trainer.network.layout
      let pieces = trainer.optimizers.map(\.range)
      let own = pieces.reduce(0) { $0 + $1.count }
      let all = Int(try world.allReduce(Int64(own), .sum))
      let copies =
        switch mode {
        case .replicated: world.size
        case .sharded: 1
        case .shared: world.hosts.count
        }
      XCTAssertEqual(all, copies * (layout.count - layout.reserved), "\(mode)")
      XCTAssertTrue(zip(pieces, pieces.dropFirst()).allSatisfy { $0.upperBound <= $1.lowerBound })
      XCTAssertEqual(
        trainer.optimizers.reduce(0) { $0 + $1.state[0].values.count }, own, "\(mode)")
    }
  }

  func testVirtualShardsGiveTheBitsOfOneRank() throws {
    let world = try world()
    let shards = 8
    try XCTSkipIf(shards % world.size != 0, "\(world.size) ranks cannot share \(shards) shards")
    let single = try trainer(
      over: world.split(color: world.rank), Adam(), virtualShards: shards)
    let blocks = BlockPartition(count: 21, parts: shards)
    for _ in 0..<4 {
      _ = try single.step(parts: shards, learningRate: 0.01) { part(blocks[$0]) }
    }
    for mode in UpdateMode.allCases where mode == .replicated || world.hosts.count == 1 {
      let trainer = try trainer(over: world, Adam(), mode, virtualShards: shards)
      let own = shards / world.size
      for _ in 0..<4 {
        let total = try trainer.step(parts: own, learningRate: 0.01) {
          part(blocks[world.rank * own + $0])
        }
        XCTAssertEqual(total.examples, 21)
      }
      XCTAssertEqual(try trainer.checksum(), try single.checksum(), "\(mode)")
    }
  }
}
