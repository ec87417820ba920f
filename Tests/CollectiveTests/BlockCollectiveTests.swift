import AllReduce
import AllReduceMPI
import TestSupport
import XCTest

/// Reduce-scatter, all-gather, broadcast, reduce, gather, scatter and all-to-all over MPI.
final class BlockCollectiveTests: CollectiveTestCase {
  func testReduceScatter() throws {
    let world = try world()
    for count in testCounts(ranks: world.size) where count < 10_000 {
      for operation in ReductionOperation.allCases {
        let known = ReductionCase<Float>(operation, size: world.size) { $0 / Float($1) }
        for algorithm in world.usableAlgorithms {
          let values = UnsafeMutableBufferPointer<Float>.allocate(capacity: count)
          defer { values.deallocate() }
          known.fill(values, rank: world.rank)
          let block = try world.reduceScatter(values, operation, using: algorithm)
          XCTAssertEqual(block, BlockPartition(count: count, parts: world.size)[world.rank])
          XCTAssertNil(
            known.firstWrong(values, block), "\(operation) of \(count) by \(algorithm)")
        }
      }
    }
    let mine = try world.reduceScatter((0..<10).map { Double($0) }, .sum)
    let block = BlockPartition(count: 10, parts: world.size)[world.rank]
    XCTAssertEqual(mine, block.map { Double($0 * world.size) })
  }

  func testAllGatherInPlace() throws {
    let world = try world()
    for count in testCounts(ranks: world.size) {
      let block = BlockPartition(count: count, parts: world.size)[world.rank]
      for algorithm in world.usableAlgorithms {
        let values = UnsafeMutableBufferPointer<Int32>.allocate(capacity: count)
        defer { values.deallocate() }
        for index in 0..<count { values[index] = block.contains(index) ? Int32(index) : -1 }
        try world.allGather(values, using: algorithm)
        XCTAssertTrue(
          values.indices.allSatisfy { values[$0] == Int32($0) }, "\(count) by \(algorithm)")
      }
    }
  }

  func testBroadcastAndReduceFromEveryRoot() throws {
    let world = try world()
    for root in 0..<world.size {
      for count in [0, 1, 3, 1000, 40_000] {
        for algorithm in world.usableAlgorithms {
          var sent = (0..<count).map { Int64(world.rank == root ? $0 + root : -1) }
          try world.broadcast(&sent, from: root, using: algorithm)
          XCTAssertEqual(sent, (0..<count).map { Int64($0 + root) }, "\(algorithm) from \(root)")

          var added = (0..<count).map { Double($0 + world.rank) }
          try world.reduce(&added, .mean, to: root, using: algorithm)
          if world.rank == root {
            let mean = Double(world.size - 1) / 2
            XCTAssertEqual(added, (0..<count).map { Double($0) + mean }, "\(algorithm) to \(root)")
          }
        }
      }
    }
  }

  func testGatherAndScatterOfUnevenCounts() throws {
    let world = try world()
    let mine = [Int32](repeating: Int32(world.rank), count: world.rank * 2)
    let all = (0..<world.size).flatMap { [Int32](repeating: Int32($0), count: $0 * 2) }
    XCTAssertEqual(try world.allGather(mine), all)
    for root in 0..<world.size {
      XCTAssertEqual(try world.gather(mine, to: root), world.rank == root ? all : nil)
      let counts = (0..<world.size).map { $0 * 2 }
      XCTAssertEqual(
        try world.scatter(world.rank == root ? all : [], counts: counts, from: root), mine)
      let ten = world.rank == root ? (0..<10).map { Float($0) } : []
      let block = BlockPartition(count: 10, parts: world.size)[world.rank]
      XCTAssertEqual(try world.scatter(ten, from: root), block.map { Float($0) })
    }
  }

  func testAllToAll() throws {
    let world = try world()
    let sent = (0..<world.size * 3).map { Double($0 / 3 * 100 + world.rank) }
    let expected = (0..<world.size * 3).map { Double(world.rank * 100 + $0 / 3) }
    XCTAssertEqual(try world.allToAll(sent), expected)
  }

  func testStartedBlockCollectivesMayOverlap() throws {
    let world = try world()
    let count = world.size * 1000
    let arenas = try (0..<4).map { _ in try Arena<Double>(count: count, over: world) }
    let blocks = BlockPartition(count: count, parts: world.size)
    for root in 0..<world.size {
      for index in 0..<count {
        arenas[0].values[index] = blocks[world.rank].contains(index) ? Double(index) : -1
        arenas[1].values[index] = Double(index + world.rank)
        arenas[2].values[index] = world.rank == root ? Double(index) : -1
        arenas[3].values[index] = Double(index - world.rank)
      }
      let gather = try world.startAllGather(arenas[0].all)
      let scatter = try world.startReduceScatter(arenas[1].all, .sum)
      let broadcast = try world.startBroadcast(arenas[2].all, from: root)
      let reduce = try world.startReduce(arenas[3].all, .sum, to: root)
      try reduce.wait()
      try scatter.wait()
      try gather.wait()
      try broadcast.wait()
      let ranks = Double(world.size * (world.size - 1) / 2)
      XCTAssertTrue((0..<count).allSatisfy { arenas[0].values[$0] == Double($0) })
      XCTAssertTrue((0..<count).allSatisfy { arenas[2].values[$0] == Double($0) })
      XCTAssertTrue(
        blocks[world.rank].allSatisfy {
          arenas[1].values[$0] == Double($0 * world.size) + ranks
        })
      XCTAssertTrue(
        world.rank != root
          || (0..<count).allSatisfy { arenas[3].values[$0] == Double($0 * world.size) - ranks })
    }
  }
}
