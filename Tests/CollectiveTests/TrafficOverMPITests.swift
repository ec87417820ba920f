import AllReduce
import AllReduceMPI
import XCTest

/// What ranks count, against the formulas of the schedules' costs.
final class TrafficOverMPITests: CollectiveTestCase {
  /// A count that 1 to 5 ranks and their powers of two divide.
  private let count = 3840

  /// What this rank moves while `body` runs.
  private func moved(_ body: () throws -> Void) rethrows -> Traffic {
    let before = Traffic.ofProcess
    try body()
    return Traffic.ofProcess - before
  }

  private func sum(_ bytes: Int, _ world: Communicator) throws -> Int {
    Int(try world.allReduce(Int64(bytes), .sum))
  }

  private func check(
    _ traffic: Traffic, _ collective: Collective, _ algorithm: ReductionAlgorithm, stride: Int,
    _ world: Communicator
  ) throws {
    let what = "\(collective) by \(algorithm)"
    let cost = ScheduleCost(collective, by: algorithm.kind, size: world.size)
    let bytes = Double(count * stride)
    let total = Double(try sum(traffic.payloadBytes, world))
    XCTAssertLessThanOrEqual(
      Double(traffic.payloadBytes), cost.mostSent.value * bytes + 1e-6, what)
    XCTAssertLessThanOrEqual(total, cost.totalSent.value * bytes + 1e-6, what)
    if !cost.totalSent.isBound {
      XCTAssertEqual(total, cost.totalSent.value * bytes, accuracy: 1e-6, what)
    }
    if world.hosts.count == 1 { XCTAssertEqual(traffic.networkBytesSent, 0, what) }
    if world.hosts.count == world.size {
      XCTAssertEqual(traffic.memoryBytesExchanged, 0, what)
    }
  }

  func testMessagesAreThoseOfTheFormulas() throws {
    let world = try world()
    var values = [Float](repeating: 1, count: count)
    for algorithm in algorithmsWithSchedules {
      for format in [WireFormat.full, .bfloat16] {
        let traffic = try moved {
          try world.allReduce(&values, .sum, using: algorithm, wireFormat: format)
        }
        try check(
          traffic, .allReduce, algorithm, stride: format.stride(of: .float), world)
      }
    }
    let root = world.size - 1
    for algorithm in [ReductionAlgorithm.ring, .tree, .halvingDoubling] {
      let gathered = try moved {
        try values.withUnsafeMutableBufferPointer {
          try world.allGather($0, using: algorithm)
        }
      }
      try check(gathered, .allGather, algorithm, stride: 4, world)
      let scattered = try moved { _ = try world.reduceScatter(values, .sum, using: algorithm) }
      try check(scattered, .reduceScatter, algorithm, stride: 4, world)
      let broadcast = try moved { try world.broadcast(&values, from: root, using: algorithm) }
      try check(broadcast, .broadcast(root: root), algorithm, stride: 4, world)
      let reduced = try moved { try world.reduce(&values, .sum, to: root, using: algorithm) }
      try check(reduced, .reduce(root: root), algorithm, stride: 4, world)
    }
  }

  func testMessagesOfTheCallerAreCounted() throws {
    let world = try world()
    try XCTSkipIf(world.size == 1, "one rank sends no message")
    let (next, previous) = (
      (world.rank + 1) % world.size, (world.rank + world.size - 1) % world.size
    )
    var received = [Int32](repeating: 0, count: 100)
    let traffic = try moved {
      let sending = try world.startSend([Int32](repeating: 7, count: 100), to: next)
      try world.receive(into: &received, from: previous)
      try sending.wait()
    }
    let host = world.hosts.first { $0.contains(world.rank) } ?? []
    XCTAssertEqual(traffic.memoryBytesExchanged, host.contains(next) ? 400 : 0)
    XCTAssertEqual(traffic.networkBytesSent, host.contains(next) ? 0 : 400)
  }

  func testWhatIsStartedCountsWhereItBelongs() throws {
    let world = try world()
    let arena = try Arena<Float>(count: 3 * count, over: world)
    let (long, short, rest) = (TrafficTally(), TrafficTally(), TrafficTally())
    let hosts = world.hosts.count
    for round in 1...3 {
      let all = try moved {
        let first = try long.counting {
          try world.startAllReduce(arena[0..<2 * count], .sum)
        }
        let second = try short.counting {
          try world.startAllReduce(arena[2 * count..<3 * count], .sum)
        }
        // The started ones move while this waits, and must not be counted here.
        _ = try rest.counting { try world.allReduce(Float(1), .sum) }
        try second.wait()
        try first.wait()
      }
      XCTAssertEqual(
        long.traffic.payloadBytes + short.traffic.payloadBytes + rest.traffic.payloadBytes,
        round * all.payloadBytes)
      for (tally, bytes) in [(long, 2 * count * 4), (short, count * 4)] {
        let total = try sum(
          hosts == 1 ? tally.traffic.memoryBytesExchanged : tally.traffic.networkBytesSent, world)
        if hosts == 1 {
          XCTAssertEqual(total, round * 2 * (world.size - 1) * bytes)
        } else if hosts < world.size {
          XCTAssertEqual(total, round * 2 * (hosts - 1) * bytes)
        }
      }
      if hosts == 1 {
        XCTAssertEqual(rest.traffic.memoryBytesExchanged, round * (world.size - 1) * 4)
      }
    }
  }

  func testAStepCountsAllThatItMoves() throws {
    let world = try world()
    for mode in UpdateMode.allCases {
      let trainer = try Trainer<Float>(
        Sequential(Dense(32, 512), ReLU(), Dense(512, 8), BatchNorm(8)), input: [32],
        plan: Plan(layers: .data, update: mode), over: world, optimizer: Momentum(),
        loss: SoftmaxCrossEntropy(), clipping: GradientClipping(maximumNorm: 1), seed: 1)
      XCTAssertEqual(trainer.traffic, Traffic(), "\(mode)")
      let inputs = Tensor<Float>(repeating: 0.5, shape: [4, 32])
      let labels = [Int32](repeating: 1, count: 4)
      let steps = 3
      let all = try moved {
        for _ in 0..<steps {
          _ = try trainer.step(inputs, .classes(labels), learningRate: 0.1)
        }
        try trainer.finish()
      }
      XCTAssertEqual(trainer.traffic, all, "\(mode)")
      // Of the gradient a rank reads its part from all others; it writes to them the sum, the new weights,
      // or nothing. Statistics and norms are small beside that.
      let numbers = Double((world.size - 1) * trainer.network.parameterCount * 4 * steps)
      let total = Double(try sum(all.payloadBytes, world))
      guard world.hosts.count == 1 else { continue }
      let least = mode == .shared ? numbers : 2 * numbers
      XCTAssertGreaterThanOrEqual(total, least, "\(mode)")
      XCTAssertLessThanOrEqual(total, 1.1 * least, "\(mode)")
      XCTAssertEqual(all.networkBytesSent, 0, "\(mode)")
    }
  }

  /// Whatever a plan exchanges, its trainer says, all told and by layer.
  func testEveryPlanCountsAllThatItMoves() throws {
    let world = try world()
    let divisor = (2...5).first { world.size % $0 == 0 } ?? 1
    let placements: [[Placement]] = [
      [.data, .columns, .rows, .data], [.columns, .rows, .columns, .data],
      [.rows, .data, .rows, .replicated], [.data, .rows, .rows, .columns],
    ]
    for (number, row) in placements.enumerated() {
      for update in UpdateMode.allCases {
        let plan = Plan(
          layers: .listed(Dictionary(uniqueKeysWithValues: zip(["0", "2", "3", "4"], row))),
          grid: GridShape(data: world.size / divisor, model: divisor), update: update)
        let trainer = try Trainer<Float>(
          Sequential(Dense(12, 20), ReLU(), Dense(20, 14), Dense(14, 9), Dense(9, 8)), input: [12],
          plan: plan, over: world, optimizer: Momentum(), loss: SoftmaxCrossEntropy(),
          clipping: GradientClipping(maximumNorm: 1), seed: 1)
        let inputs = Tensor<Float>(repeating: 0.5, shape: [4, 12])
        let all = try moved {
          for _ in 0..<3 {
            _ = try trainer.step(inputs, .classes([1, 2, 3, 4]), learningRate: 0.1)
          }
          try trainer.finish()
        }
        XCTAssertEqual(trainer.traffic, all, "plan \(number), \(update)")
      }
    }
  }
}
