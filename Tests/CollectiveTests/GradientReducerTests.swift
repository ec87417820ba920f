import AllReduce
import AllReduceMPI
import XCTest

/// Gradients of one's own, made one over ranks with different numbers of examples.
final class GradientReducerTests: CollectiveTestCase {
  /// Rank r has 3 r examples, rank 0 none, and its gradient is the sum of r + index over them.
  private func fill(_ reducer: GradientReducer<Double>, _ world: Communicator) {
    reducer.withGradient { gradient in
      for index in gradient.indices {
        gradient[index] = Double(3 * world.rank * (world.rank + index))
      }
    }
  }

  private func checkMean(_ reducer: GradientReducer<Double>, _ world: Communicator, _ what: String)
  {
    let examples = (0..<world.size).reduce(0) { $0 + 3 * $1 }
    guard examples > 0 else { return }
    for index in reducer.gradient.indices {
      let sum = (0..<world.size).reduce(0) { $0 + 3 * $1 * ($1 + index) }
      XCTAssertEqual(
        reducer.gradient[index], Double(sum) / Double(examples), accuracy: 1e-12, what)
    }
  }

  func testTheMeanIsOverAllExamplesWhoeverHasThem() throws {
    let world = try world()
    for algorithm in world.usableAlgorithms {
      for start in ReductionStart.allCases {
        for count in [1, 100, 1003] {
          let reducer = try GradientReducer<Double>(
            count: count, over: world, algorithm: algorithm, start: start, bucketBytes: 1000)
          for _ in 0..<3 {
            fill(reducer, world)
            let own = BatchScore(
              examples: 3 * world.rank, loss: Double(world.rank), correct: world.rank)
            let total = try reducer.reduce(own)
            let ranks = world.size * (world.size - 1) / 2
            XCTAssertEqual(
              total, BatchScore(examples: 3 * ranks, loss: Double(ranks), correct: ranks))
            checkMean(reducer, world, "\(count) by \(algorithm), \(start)")
          }
        }
      }
    }
  }

  func testPartsMayGetReadyInAnyOrder() throws {
    let world = try world()
    let reducer = try GradientReducer<Double>(
      count: 500, over: world, start: .duringBackward, bucketBytes: 512)
    fill(reducer, world)
    reducer.begin(BatchScore(examples: 3 * world.rank))
    for start in [300, 100, 0, 400, 200] { try reducer.isReady(start..<start + 100) }
    let total = try reducer.finishSum()
    for index in reducer.gradient.indices { reducer.gradient[index] *= total.gradientScale }
    checkMean(reducer, world, "reported out of order")
  }

  func testCountsAreNotRoundedInSixteenBits() throws {
    let world = try world()
    for algorithm in world.usableAlgorithms where algorithm != .native {
      let reducer = try GradientReducer<Float>(
        count: 70, over: world, algorithm: algorithm, compression: .bfloat16)
      reducer.gradient.update(repeating: 1)
      let total = try reducer.reduce(BatchScore(examples: 1001, correct: 777))
      XCTAssertEqual(total.examples, 1001 * world.size)
      XCTAssertEqual(total.correct, 777 * world.size)
      for value in reducer.gradient { XCTAssertEqual(value, 1 / 1001, accuracy: 1e-5) }
    }
  }

  func testBytesAreThoseOfTheSchedules() throws {
    let world = try world()
    let count = 1 << 16
    // The totals, three of them, travel in front of the gradient, in a cache line.
    let line = 64
    func traffic(
      _ algorithm: ReductionAlgorithm, _ compression: WholeGradient = .none
    ) throws -> (network: Double, memory: Double) {
      let reducer = try GradientReducer<Float>(
        count: count - line / 4, over: world, algorithm: algorithm, compression: compression)
      XCTAssertEqual(reducer.traffic, Traffic())
      _ = try reducer.reduce(examples: 1)
      return (
        try world.allReduce(Double(reducer.traffic.networkBytesSent), .sum),
        try world.allReduce(Double(reducer.traffic.memoryBytesExchanged), .sum)
      )
    }
    let ring = try traffic(.ring)
    XCTAssertEqual(ring.network + ring.memory, Double(2 * (world.size - 1) * count * 4))
    let chosen = try traffic(.automatic)
    let hosts = world.hosts.count
    if hosts == 1 {
      XCTAssertEqual(chosen.network, 0)
      XCTAssertEqual(chosen.memory, Double(2 * (world.size - 1) * count * 4))
    } else if hosts < world.size {
      XCTAssertEqual(chosen.network, Double(2 * (hosts - 1) * count * 4))
      // Where numbers are narrowed the totals travel by themselves, and whole.
      let narrow = try traffic(.automatic, .bfloat16)
      XCTAssertEqual(
        narrow.network, Double(2 * (hosts - 1) * ((count - line / 4) * 2 + line)))
    }
  }

  func testUnequalNumbersAreNamedOnEveryRank() throws {
    let world = try world()
    try world.requireEqual(7, "sevens")
    guard world.size > 1 else { return }
    XCTAssertThrowsError(
      try world.requireEqual(world.rank == world.size - 1 ? 8 : 7, "sevens")
    ) { error in
      XCTAssertEqual((error as? any ExitCoded)?.exitCode, 1)
      XCTAssertTrue(
        "\(error)".contains("rank 0 has 7, and rank \(world.size - 1) has 8"), "\(error)")
    }
    XCTAssertThrowsError(try GradientReducer<Float>(count: world.rank + 1, over: world))
  }
}
