import AllReduce
import AllReduceMPI
import XCTest

/// What ranks learn in each mode of update, against what one rank learns with all examples.
final class UpdateModeTests: CollectiveTestCase {
  private static let examples = 24
  private static let inputs = 20

  private func network() throws -> Network<Double> {
    try Network(
      Sequential(
        Dense(UpdateModeTests.inputs, 40), LayerNorm(40), Tanh(),
        Residual(Sequential(Dense(40, 40), Tanh())),
        Dense(40, 4)),
      input: [UpdateModeTests.inputs], seed: 3, takesMemory: false)
  }

  private func take(
    _ numbers: Range<Int>, _ parallel: DataParallel<Double>
  ) throws -> (own: BatchScore, gradient: Tensor<Double>) {
    let width = UpdateModeTests.inputs
    let random = Philox(seed: 4)
    let inputs = Tensor(
      numbers.flatMap { example in
        (0..<width).map { random.gaussian(at: UInt64(example * width + $0)) }
      }, shape: [numbers.count, width])
    return try parallel.forward(
      inputs, .classes(numbers.map { Int32($0 % 4) }), SoftmaxCrossEntropy())
  }

  private func alone(
    _ world: Communicator, _ optimizer: any UpdateRule, virtualShards: Int? = nil
  ) throws -> DataParallel<Double> {
    try DataParallel(
      try network(), over: try world.split(color: world.rank), optimizer: optimizer,
      virtualShards: virtualShards)
  }

  private func assertClose(
    _ parallel: DataParallel<Double>, _ single: DataParallel<Double>, _ what: String
  ) {
    for (a, b) in zip(parallel.network.parameters, single.network.parameters) {
      let far = zip(a.values.elements, b.values.elements).map { abs($0 - $1) }.max() ?? 0
      XCTAssertLessThanOrEqual(far, 1e-10, "\(what), \(a.name)")
    }
  }

  func testAllModesLearnWhatOneRankLearns() throws {
    let world = try world()
    let own = BlockPartition(count: UpdateModeTests.examples, parts: world.size)[world.rank]
    let optimizers: [any UpdateRule] = [
      SGD(), Momentum(weightDecay: 0.01), Adam(), LARS(trust: 0.1),
    ]
    for optimizer in optimizers {
      for clipping in [nil, GradientClipping(maximumNorm: 0.1)] {
        let single = try alone(world, optimizer)
        var losses: [Double] = []
        for _ in 0..<5 {
          losses.append(
            try single.step { _ in try take(0..<UpdateModeTests.examples, single) }.loss)
          XCTAssertTrue(try single.update(learningRate: 0.05, clipping: clipping))
        }
        for mode in UpdateMode.allCases {
          for start in ReductionStart.allCases {
            let what = "\(mode) \(type(of: optimizer)) \(start), clipping \(clipping != nil)"
            let parallel = try DataParallel(
              try network(), over: world, start: start, bucketBytes: 1024, update: mode,
              optimizer: optimizer)
            for step in 0..<5 {
              let total = try parallel.step { _ in try take(own, parallel) }
              XCTAssertEqual(total.examples, UpdateModeTests.examples, what)
              XCTAssertEqual(total.loss, losses[step], accuracy: 1e-9, what)
              // With the exchange behind the backward pass, that of weights behind the forward pass.
              let isTaken = try parallel.update(
                learningRate: 0.05, clipping: clipping, finishing: start == .afterBackward)
              XCTAssertTrue(isTaken, what)
            }
            XCTAssertEqual(parallel.updateCount, 5)
            _ = try parallel.checksum()
            assertClose(parallel, single, what)
          }
        }
      }
    }
  }

  /// Each number of the weights is updated by one rank of all, or of its host.
  func testPartsCoverTheParametersOnce() throws {
    let world = try world()
    for mode in UpdateMode.allCases {
      let parallel = try DataParallel(
        try network(), over: world, bucketBytes: 1024, update: mode, optimizer: Momentum())
      let layout = parallel.network.layout
      let parts = parallel.parameterUpdates.map(\.range)
      let own = parts.reduce(0) { $0 + $1.count }
      let all = Int(try world.allReduce(Int64(own), .sum))
      let copies =
        switch mode {
        case .replicated: world.size
        case .sharded: 1
        case .shared: world.hosts.count
        }
      XCTAssertEqual(all, copies * (layout.count - layout.reserved), "\(mode)")
      XCTAssertTrue(zip(parts, parts.dropFirst()).allSatisfy { $0.upperBound <= $1.lowerBound })
      XCTAssertEqual(
        parallel.parameterUpdates.reduce(0) { $0 + $1.state[0].values.count }, own, "\(mode)")
    }
  }

  func testAGradientThatIsNotFiniteIsSkippedByAll() throws {
    let world = try world()
    for mode in UpdateMode.allCases {
      let parallel = try DataParallel(
        try network(), over: world, update: mode, optimizer: Momentum())
      let before = try parallel.checksum()
      _ = try parallel.step { _ in
        let (score, gradient) = try take(0..<2, parallel)
        if world.rank == world.size - 1 { gradient.values[1] = .nan }
        return (score, gradient)
      }
      XCTAssertFalse(
        try parallel.update(learningRate: 1, clipping: GradientClipping(maximumNorm: 1)))
      XCTAssertEqual(parallel.updateCount, 0)
      XCTAssertEqual(try parallel.checksum(), before, "\(mode)")
    }
  }

  func testVirtualShardsGiveTheBitsOfOneRank() throws {
    let world = try world()
    let shards = 8
    guard shards % world.size == 0 else { return }
    let single = try alone(world, Adam(), virtualShards: shards)
    let blocks = BlockPartition(count: 21, parts: shards)
    for _ in 0..<4 {
      _ = try single.step(microBatches: shards) { try take(blocks[$0], single) }
      try single.update(learningRate: 0.01)
    }
    for mode in UpdateMode.allCases where mode == .replicated || world.hosts.count == 1 {
      let parallel = try DataParallel(
        try network(), over: world, bucketBytes: 1024, update: mode, optimizer: Adam(),
        virtualShards: shards)
      let own = shards / world.size
      for _ in 0..<4 {
        let total = try parallel.step(microBatches: own) {
          try take(blocks[world.rank * own + $0], parallel)
        }
        XCTAssertEqual(total.examples, 21)
        try parallel.update(learningRate: 0.01)
      }
      XCTAssertEqual(try parallel.checksum(), try single.checksum(), "\(mode)")
    }
  }
}
