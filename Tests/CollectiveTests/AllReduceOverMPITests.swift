import AllReduce
import AllReduceMPI
import TestSupport
import XCTest

/// All-reduce over MPI: every algorithm, type, operation and count, exactly.
final class AllReduceOverMPITests: CollectiveTestCase {
  func testFloat() throws { try exhaust(Float.self) { $0 / Float($1) } }
  func testDouble() throws { try exhaust(Double.self) { $0 / Double($1) } }
  func testInt32() throws { try exhaust(Int32.self) { sum, _ in sum } }
  func testInt64() throws { try exhaust(Int64.self) { sum, _ in sum } }

  private func exhaust<Scalar: ReducibleScalar>(
    _ type: Scalar.Type, dividing: (Scalar, Int) -> Scalar
  ) throws {
    let world = try world()
    for count in testCounts(ranks: world.size) {
      let values = UnsafeMutableBufferPointer<Scalar>.allocate(capacity: count)
      defer { values.deallocate() }
      for operation in ReductionOperation.allCases
      where operation.isDefined(for: Scalar.scalarType) {
        let known = ReductionCase<Scalar>(operation, size: world.size, dividing: dividing)
        for algorithm in world.usableAlgorithms {
          known.fill(values, rank: world.rank)
          try world.allReduce(values, operation, using: algorithm)
          XCTAssertNil(
            known.firstWrong(values, 0..<count),
            "\(operation) of \(count) \(type) by \(algorithm), rank \(world.rank) of \(world.size)")
        }
      }
    }
  }

  func testBitsAreEqualOnAllRanksAndInEveryRun() throws {
    let world = try world()
    for count in [1, 5, 1000, 40_000] {
      let mine = roughNumbers(Float.self, count: count, seed: UInt64(world.rank) + 17)
      for algorithm in world.usableAlgorithms {
        var hashes: Set<Int64> = []
        for _ in 0..<3 {
          var values = mine
          try world.allReduce(&values, .sum, using: algorithm)
          let hash = values.withUnsafeBytes { bitHash($0) }
          hashes.insert(hash)
          XCTAssertTrue(try isEqualOnAllRanks(hash, world), "\(algorithm), \(count) elements")
        }
        XCTAssertEqual(hashes.count, 1, "\(algorithm), \(count) elements: runs differ")
      }
    }
  }

  func testNaNSurvivesOnWhicheverRank() throws {
    let world = try world()
    for algorithm in world.usableAlgorithms {
      for operation in [ReductionOperation.minimum, .maximum, .sum, .mean, .product] {
        for holder in 0..<world.size {
          var values = (0..<67).map { Float($0) }
          if world.rank == holder {
            for index in stride(from: 0, to: 67, by: 3) { values[index] = .nan }
          }
          try world.allReduce(&values, operation, using: algorithm)
          for index in 0..<67 {
            XCTAssertEqual(
              values[index].isNaN, index % 3 == 0,
              "\(operation) by \(algorithm), element \(index), NaN on rank \(holder)")
          }
        }
      }
    }
  }

  func testSegmentsOfAnySize() throws {
    let world = try world()
    for algorithm in algorithmsWithSchedules {
      for bytes in [1, 8, 100, 4096, 1 << 20] {
        var values = (0..<1001).map { Double($0) }
        try world.allReduce(&values, .sum, using: algorithm.segmented(bytes: bytes))
        XCTAssertEqual(values, (0..<1001).map { Double($0 * world.size) })
      }
    }
  }

  func testSpansAndSingleNumbers() throws {
    let world = try world()
    var values: [Float] = [1, 2, 3]
    var span = values.mutableSpan
    try world.allReduce(&span, .sum)
    XCTAssertEqual(values, [1, 2, 3].map { $0 * Float(world.size) })
    XCTAssertEqual(try world.allReduce(Int64(world.rank), .maximum), Int64(world.size - 1))
  }

  func testManyUnderWayEndInAnyOrder() throws {
    let world = try world()
    let count = 3000
    let buffers = (0..<8).map { index in
      let buffer = UnsafeMutableBufferPointer<Float>.allocate(capacity: count)
      buffer.initialize(repeating: Float(index + world.rank))
      return buffer
    }
    defer { buffers.forEach { $0.deallocate() } }
    let ranks = Float(world.size * (world.size - 1) / 2)
    for algorithm in world.usableAlgorithms {
      for (index, buffer) in buffers.enumerated() {
        buffer.update(repeating: Float(index + world.rank))
      }
      let first = try world.startAllReduce(buffers[0], .sum, using: algorithm)
      let second = try world.startAllReduce(buffers[1], .sum, using: algorithm)
      let third = try world.startAllReduce(buffers[2], .sum, using: .ring)
      // A blocking call in between moves the others too.
      var other = [Double(world.rank)]
      try world.allReduce(&other, .sum)
      XCTAssertEqual(other, [Double(ranks)])
      if world.rank % 2 == 0 {
        try third.wait()
        try first.wait()
        try second.wait()
      } else {
        try second.wait()
        try third.wait()
        try first.wait()
      }
      for index in 0..<3 {
        let expected = Float(index * world.size) + ranks
        XCTAssertTrue(buffers[index].allSatisfy { $0 == expected }, "\(algorithm), buffer \(index)")
      }
    }
  }

  func testAPendingReductionThatIsLetGoIsStillComplete() throws {
    let world = try world()
    let buffer = UnsafeMutableBufferPointer<Float>.allocate(capacity: 100_000)
    defer { buffer.deallocate() }
    for _ in 0..<3 {
      buffer.initialize(repeating: 1)
      do { _ = try world.startAllReduce(buffer, .sum, using: .ring) }
      XCTAssertTrue(buffer.allSatisfy { $0 == Float(world.size) })
    }
  }

  func testLargeCountsAreSplitForNativeCalls() throws {
    let world = try world().duplicate()
    world.largestCount = 7
    for operation in [ReductionOperation.sum, .maximum] {
      var values = (0..<100).map { Int64($0 + world.rank) }
      try world.allReduce(&values, operation, using: .native)
      let last = Int64(world.size - 1)
      XCTAssertEqual(
        values,
        (0..<100).map {
          operation == .maximum ? Int64($0) + last : Int64($0 * world.size) + last * (last + 1) / 2
        })
    }
  }

  func testTenThousandSmallOnesKeepNoMemory() throws {
    let world = try world()
    var values: [Float] = [1, 2, 3, 4]
    let algorithms = world.usableAlgorithms
    func run(_ count: Int) throws {
      for turn in 0..<count {
        try world.allReduce(&values, .mean, using: algorithms[turn % algorithms.count])
      }
    }
    // Networks take memory for messages as they need it, and keep it.
    try run(2000)
    let before = residentBytes()
    try run(10_000)
    XCTAssertEqual(values, [1, 2, 3, 4])
    // libfabric goes on to take some.
    XCTAssertLessThan(residentBytes() - before, 4 << 20, "memory grows with the number of calls")
  }

  func testCommunicatorsGiveTheirMemoryBack() throws {
    let world = try world()
    func makeAndUse() throws {
      let copy = try world.duplicate()
      var values: [Float] = [1]
      for algorithm in world.usableAlgorithms {
        try copy.allReduce(&values, .maximum, using: algorithm)
      }
    }
    for _ in 0..<30 { try makeAndUse() }
    let before = residentBytes()
    for _ in 0..<150 { try makeAndUse() }
    XCTAssertLessThan(residentBytes() - before, 4 << 20, "memory grows with communicators")
  }

  /// What the README states: 8 MiB of scratch memory, schedules and slots on a communicator, however many
  /// calls are under way.
  func testTwoHundredStartedKeepTheStatedMemory() throws {
    let world = try world()
    if residentBytes() == 0 { throw XCTSkip("memory cannot be read here") }
    let count = 100_000
    let buffers = UnsafeMutableBufferPointer<Float>.allocate(capacity: 200 * count)
    defer { buffers.deallocate() }
    buffers.initialize(repeating: 1)
    for algorithm in algorithmsWithSchedules {
      let communicator = try world.duplicate()
      buffers.update(repeating: 1)
      try communicator.barrier()
      let before = residentBytes()
      var pending: [Started] = []
      for turn in 0..<200 {
        let part = UnsafeMutableBufferPointer(
          rebasing: buffers[turn * count..<(turn + 1) * count])
        pending.append(
          Started(try communicator.startAllReduce(part, .sum, using: algorithm)))
      }
      for one in pending { try one.wait() }
      XCTAssertLessThan(residentBytes() - before, 8 << 20, "\(algorithm)")
      XCTAssertTrue(buffers.allSatisfy { $0 == Float(world.size) }, "\(algorithm)")
    }
  }

  /// A reduction under way that an array can hold.
  private final class Started {
    private var reduction: PendingReduction?

    init(_ reduction: consuming PendingReduction) { self.reduction = consume reduction }

    func wait() throws { try reduction.take()?.wait() }
  }

  /// Bytes of memory that this process occupies.
  private func residentBytes() -> Int {
    guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .ascii),
      let pages = text.split(separator: " ").dropFirst().first.flatMap({ Int($0) })
    else { return 0 }
    return pages * 4096
  }
}
