import AllReduce
import AllReduceMPI
import XCTest

/// What is published of compressed exchanges: what arrives at once, what arrives late, and what converges.
final class CompressionTests: CollectiveTestCase {
  private let all: [any GradientCompression] = [
    .none, .bfloat16, .float16, .topK(0.01), .topK(0.3), .powerSGD(1), .powerSGD(4),
  ]

  /// Numbers from -1 to 1, the same wherever they are drawn.
  private func number(_ index: Int, _ stream: Int) -> Double {
    2 * Philox(seed: 3).uniform(at: UInt64(index), stream: UInt64(stream)) - 1
  }

  /// Whether one rank a host exchanges, or each rank: how many take part.
  private func members(_ world: Communicator) -> Int {
    world.hosts.count > 1 ? world.hosts.count : world.size
  }

  func testEveryRankGetsTheSameBits() throws {
    let world = try world()
    for compression in all {
      for start in ReductionStart.allCases {
        let reducer = try GradientReducer<Float>(
          count: 40 * 30 + 7, over: world, compression: compression,
          matrices: [GradientMatrix(start: 7, rows: 40, columns: 30)], start: start,
          bucketBytes: 1000)
        for step in 0..<4 {
          for index in reducer.gradient.indices {
            reducer.gradient[index] = Float(number(index, 10 * step + world.rank))
          }
          reducer.begin(BatchScore(examples: world.rank, correct: 1))
          try reducer.isReady(600..<1207)
          try reducer.isReady(0..<600)
          let total = try reducer.finishSum()
          XCTAssertEqual(total.examples, world.size * (world.size - 1) / 2, compression.name)
          XCTAssertEqual(total.correct, world.size, compression.name)
          let bits = Checksum.of(UnsafeRawBufferPointer(reducer.gradient))
          XCTAssertTrue(
            try isEqualOnAllRanks(Int64(bitPattern: bits), world), "\(compression.name), \(start)")
        }
      }
    }
  }

  /// The largest difference from the mean of what a reduction of gradients of rank 4 gives; in each step
  /// others, or in every step the same.
  private func lowRankDifference<Scalar: ReducibleScalar & BinaryFloatingPoint>(
    _ type: Scalar.Type, changing: Bool, _ world: Communicator
  ) throws -> Double {
    let (rows, columns) = (50, 33)
    let reducer = try GradientReducer<Scalar>(
      count: rows * columns, over: world, compression: .powerSGD(4),
      matrices: [GradientMatrix(start: 0, rows: rows, columns: columns)])
    var largest = 0.0
    for step in 0..<3 {
      let draw = changing ? step : 0
      /// The product of a matrix of four columns, the same on all ranks, and one of four rows.
      func value(_ index: Int, of rank: Int) -> Double {
        (0..<4).reduce(0) {
          $0 + number(4 * (index / columns) + $1, draw)
            * number(4 * (index % columns) + $1, 100 + 10 * draw + rank)
        }
      }
      for index in reducer.gradient.indices {
        reducer.gradient[index] = Scalar(value(index, of: world.rank))
      }
      _ = try reducer.reduce(examples: 1)
      for index in reducer.gradient.indices {
        let mean = (0..<world.size).reduce(0) { $0 + value(index, of: $1) } / Double(world.size)
        largest = max(largest, abs(Double(reducer.gradient[index]) - mean) / max(1, abs(mean)))
      }
    }
    return largest
  }

  func testAGradientOfLowRankArrivesAsItIs() throws {
    let world = try world()
    XCTAssertLessThan(try lowRankDifference(Float.self, changing: false, world), 1e-5)
    XCTAssertLessThan(try lowRankDifference(Double.self, changing: true, world), 1e-10)
  }

  func testWhatDoesNotArriveAtOnceArrivesLater() throws {
    let world = try world()
    let (rows, columns) = (16, 12)
    let compressions: [any GradientCompression] = [.topK(0.1), .powerSGD(2)]
    for compression in compressions {
      let reducer = try GradientReducer<Double>(
        count: rows * columns + 5, over: world, compression: compression,
        matrices: [GradientMatrix(start: 0, rows: rows, columns: columns)])
      var missing = [Double](repeating: 0, count: reducer.gradient.count)
      var farthest = 0.0
      // Gradients first, then none: what the ranks have kept has to come out.
      for step in 0..<30 {
        for index in reducer.gradient.indices {
          func value(_ rank: Int) -> Double { step < 5 ? number(index, 10 * step + rank) : 0 }
          reducer.gradient[index] = value(world.rank)
          missing[index] += (0..<world.size).reduce(0) { $0 + value($1) }
        }
        reducer.begin(BatchScore(examples: 1))
        _ = try reducer.finishSum()
        for index in missing.indices { missing[index] -= reducer.gradient[index] }
        if step == 4 { farthest = missing.map(abs).max() ?? 0 }
      }
      XCTAssertLessThan(missing.map(abs).max() ?? 1, 1e-12, compression.name)
      if world.size > 1 { XCTAssertGreaterThan(farthest, 0.1, compression.name) }
    }
  }

  /// Descends on the mean of the ranks' (x - c)²/2 and returns how far from the optimum it ends.
  private func distance(_ compression: any GradientCompression, _ world: Communicator) throws
    -> Double
  {
    let count = 10
    let members = members(world)
    let host = world.hosts.firstIndex { $0.contains(world.rank) } ?? 0
    let member = world.hosts.count > 1 ? host : world.rank
    /// The first coordinate's pulls are the strongest and cancel out.
    func center(_ index: Int, _ member: Int) -> Double {
      index == 0
        ? 20 * (Double(member) - Double(members - 1) / 2) : Double(index * (1 + member * member))
    }
    let reducer = try GradientReducer<Double>(
      count: count, over: world, compression: compression)
    let weights = world.hosts.map { Double($0.count) }
    var x = [Double](repeating: 0, count: count)
    for step in 0..<2500 {
      for index in 0..<count { reducer.gradient[index] = x[index] - center(index, member) }
      _ = try reducer.reduce(examples: 1)
      for index in 0..<count { x[index] -= reducer.gradient[index] / Double(10 + step) }
    }
    let optimum = (0..<count).map { index in
      let parts = (0..<members).map { member in
        (world.hosts.count > 1 ? weights[member] : 1) * center(index, member)
      }
      return parts.reduce(0, +) / Double(world.size)
    }
    return zip(x, optimum).reduce(0) { max($0, abs($1.0 - $1.1)) }
  }

  func testErrorFeedbackConvergesWhereDroppingDoesNot() throws {
    let world = try world()
    XCTAssertLessThan(try distance(.topK(0.1), world), 0.5)
    guard world.size > 1 else { return }
    XCTAssertGreaterThan(try distance(TopK(fraction: 0.1, errorFeedback: false), world), 2)
  }

  func testFewerBytesTravel() throws {
    let world = try world()
    try XCTSkipIf(world.size == 1, "one rank sends nothing")
    func bytes(_ compression: any GradientCompression) throws -> Double {
      let reducer = try GradientReducer<Float>(
        count: 1 << 16, over: world, algorithm: .ring, compression: compression,
        matrices: [GradientMatrix(start: 0, rows: 256, columns: 256)])
      _ = try reducer.reduce(examples: 1)
      let each = reducer.traffic
      // The host's own sums are not the exchange's.
      let counted = world.hosts.count > 1 ? each.networkBytesSent : each.payloadBytes
      return try world.allReduce(Double(counted), .sum)
    }
    let group = Double(members(world))
    let header = 2 * Double(world.size) * 64 * Double(world.size)
    // Blocks of 655 numbers and their places, each sent to all others.
    let topK = try bytes(.topK(0.01))
    XCTAssertGreaterThanOrEqual(topK, group * (group - 1) * 655 * 8)
    XCTAssertLessThanOrEqual(topK, group * (group - 1) * 656 * 8 + header)
    // Two sums of 4 columns of 256.
    let power = try bytes(.powerSGD(4))
    XCTAssertGreaterThanOrEqual(power, 2 * 2 * (group - 1) * 1024 * 4)
    XCTAssertLessThanOrEqual(power, 2 * group * (group - 1) * 1024 * 4 + header)
  }
}
