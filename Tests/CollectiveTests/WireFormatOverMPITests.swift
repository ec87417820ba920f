import AllReduce
import AllReduceMPI
import TestSupport
import XCTest

/// 16 bits on the wire, over MPI.
final class WireFormatOverMPITests: CollectiveTestCase {
  private let formats: [WireFormat] = [.bfloat16, .float16]

  /// MPI's own algorithms send elements as they are.
  private func algorithms(_ world: Communicator) -> [ReductionAlgorithm] {
    world.usableAlgorithms.filter { $0 != .native }
  }

  /// What a rank contributes, known to all.
  private func vector(of rank: Int, count: Int, _ format: WireFormat) -> [Float] {
    let scale: Float = format == .float16 ? 0x1p-4 : 1
    return roughNumbers(Float.self, count: count, seed: UInt64(rank) + 11).map { $0 * scale }
  }

  private func bound(
    _ algorithm: ReductionAlgorithm, _ world: Communicator, _ format: WireFormat
  ) -> WireErrorBound {
    switch algorithm.kind {
    case .ring, .tree, .flatTree, .doubleTree, .recursiveDoubling, .halvingDoubling,
      .gatherAndReduce:
      return WireErrorBound(.allReduce, by: algorithm.kind, size: world.size, format)
    default:
      // Between hosts any schedule may run; the ring rounds most, but for 2 and 3 hosts' folding.
      let hosts = world.hosts.count
      return WireErrorBound(
        roundings: hosts == 1 ? 0 : Double(max(hosts, 3)), size: world.size, format)
    }
  }

  func testSumsAndMeansAreWithinTheBoundAndEqual() throws {
    let world = try world()
    for format in formats {
      for count in [1, 7, 1000, 100_003] {
        let vectors = (0..<world.size).map { vector(of: $0, count: count, format) }
        for algorithm in algorithms(world) {
          for operation in [ReductionOperation.sum, .mean] {
            var values = vectors[world.rank]
            try world.allReduce(&values, operation, using: algorithm, wireFormat: format)
            let title = "\(operation) of \(count) by \(algorithm), \(format)"
            let hash = values.withUnsafeBytes { bitHash($0) }
            XCTAssertTrue(try isEqualOnAllRanks(hash, world), title)
            XCTAssertNil(
              bound(algorithm, world, format).firstViolation(
                values, of: vectors, dividedBy: operation == .mean ? world.size : 1), title)
          }
        }
      }
    }
  }

  func testSlicesOfArenas() throws {
    let world = try world()
    let count = 50_000
    let arena = try Arena<Float>(count: 2 * count, over: world)
    for format in formats {
      let vectors = (0..<world.size).map { vector(of: $0, count: count, format) }
      for algorithm in algorithms(world) {
        let slices = [arena[0..<count], arena[count..<2 * count]]
        for slice in slices { _ = slice.values.update(fromContentsOf: vectors[world.rank]) }
        try world.allReduce(slices[0], .sum, using: algorithm, wireFormat: format)
        let pending = try world.startAllReduce(
          slices[1], .sum, using: algorithm, wireFormat: format)
        try pending.wait()
        for slice in slices {
          let hash = bitHash(UnsafeRawBufferPointer(slice.values))
          XCTAssertTrue(try isEqualOnAllRanks(hash, world), "\(algorithm), \(format)")
          XCTAssertNil(
            bound(algorithm, world, format).firstViolation(slice.values, of: vectors),
            "\(algorithm), \(format)")
        }
      }
    }
  }

  func testSmallIntegersAreExact() throws {
    let world = try world()
    for (format, most) in [(WireFormat.bfloat16, 256), (.float16, 2048)] {
      let each = most / world.size
      for algorithm in algorithms(world) {
        var values = (0...each).map { Float($0) }
        try world.allReduce(&values, .sum, using: algorithm, wireFormat: format)
        XCTAssertEqual(
          values, (0...each).map { Float($0 * world.size) }, "\(algorithm), \(format)")
      }
    }
  }

  func testWhatIsNotFinite() throws {
    let world = try world()
    for format in formats {
      for algorithm in algorithms(world) {
        for operation in ReductionOperation.allCases {
          var values: [Float] = [1, 2, 3, 4]
          if world.rank == world.size - 1 { values[1] = Float(bitPattern: 0xFFC0_1234) }
          if world.isRoot && operation != .minimum { values[2] = .infinity }
          try world.allReduce(&values, operation, using: algorithm, wireFormat: format)
          let title = "\(operation) by \(algorithm), \(format)"
          XCTAssertTrue(values[1].isNaN, title)
          if operation != .minimum { XCTAssertEqual(values[2], .infinity, title) }
          XCTAssertTrue(values[3].isFinite, title)
          let hash = values.withUnsafeBytes { bitHash($0) }
          XCTAssertTrue(try isEqualOnAllRanks(hash, world), title)
        }
      }
    }
  }

  /// On one host nothing travels but by a schedule that was asked for: the result has all its bits.
  func testSharedMemoryNarrowsNothing() throws {
    let world = try world()
    if world.hosts.count > 1 { throw XCTSkip("there are several hosts") }
    for algorithm in [ReductionAlgorithm.automatic, .sharedMemory, .hierarchical] {
      var full = vector(of: world.rank, count: 5000, .bfloat16)
      var narrow = full
      try world.allReduce(&full, .sum, using: algorithm)
      try world.allReduce(&narrow, .sum, using: algorithm, wireFormat: .bfloat16)
      XCTAssertEqual(narrow, full, "\(algorithm)")
    }
  }

  func testTheOtherCollectives() throws {
    let world = try world()
    let count = 1003
    for format in formats {
      let vectors = (0..<world.size).map { vector(of: $0, count: count, format) }
      for algorithm in algorithmsWithSchedules {
        let title = "\(algorithm), \(format)"
        let sums = try world.reduceScatter(
          vectors[world.rank], .sum, using: algorithm, wireFormat: format)
        let block = BlockPartition(count: count, parts: world.size)[world.rank]
        XCTAssertNil(
          WireErrorBound(.reduceScatter, by: algorithm.kind, size: world.size, format)
            .firstViolation(sums, of: vectors.map { Array($0[block]) }), title)
        let root = world.size - 1
        var sent = vectors[world.rank]
        try world.broadcast(&sent, from: root, using: algorithm, wireFormat: format)
        let hash = sent.withUnsafeBytes { bitHash($0) }
        XCTAssertTrue(try isEqualOnAllRanks(hash, world), title)
        XCTAssertNil(
          WireErrorBound(roundings: 1, size: 1, format).firstViolation(sent, of: [vectors[root]]),
          title)
        var reduced = vectors[world.rank]
        try world.reduce(&reduced, .sum, to: root, using: algorithm, wireFormat: format)
        if world.rank == root {
          XCTAssertNil(
            WireErrorBound(.reduce(root: root), by: algorithm.kind, size: world.size, format)
              .firstViolation(reduced, of: vectors), title)
        }
      }
    }
  }
}
