import AllReduce
import AllReduceMPI
import TestSupport
import XCTest

/// Arenas and what is reduced in them, on one host or several.
final class ArenaTests: CollectiveTestCase {
  func testAllReduceOfEverySlice() throws {
    let world = try world()
    let arena = try Arena<Float>(count: 200_000, over: world)
    for count in testCounts(ranks: world.size) {
      for start in [0, 1, 64, 1003] {
        let slice = arena[start..<start + count]
        for operation in ReductionOperation.allCases {
          let known = ReductionCase<Float>(operation, size: world.size) { $0 / Float($1) }
          for algorithm in world.usableAlgorithms {
            known.fill(slice.values, rank: world.rank)
            try world.allReduce(slice, operation, using: algorithm)
            XCTAssertNil(
              known.firstWrong(slice.values, 0..<count),
              "\(operation) of \(count) at \(start) by \(algorithm)")
          }
        }
      }
    }
  }

  func testSlicesAtDifferentPlaces() throws {
    let world = try world()
    let arena = try Arena<Double>(count: 10_000, over: world)
    for count in [10, 1000, 5000] {
      let start = world.rank * 7
      let slice = arena[start..<start + count]
      for index in 0..<count { slice.values[index] = Double(index) }
      try world.allReduce(slice, .sum)
      XCTAssertTrue(
        slice.values.indices.allSatisfy { slice.values[$0] == Double($0 * world.size) })
    }
  }

  func testOneArenaServesGroups() throws {
    let world = try world()
    let arena = try Arena<Int64>(count: 5000, over: world)
    let half = try world.split(color: world.rank % 2)
    for (group, factor) in [(half, half.size), (world, world.size), (half, half.size)] {
      for index in arena.values.indices { arena[index] = Int64(index) }
      try group.allReduce(arena[100..<4000], .sum)
      for index in arena.values.indices {
        let isReduced = (100..<4000).contains(index)
        XCTAssertEqual(arena[index], Int64(index * (isReduced ? factor : 1)))
      }
    }
  }

  func testManyUnderWayEndInAnyOrder() throws {
    let world = try world()
    let arena = try Arena<Float>(count: 12 * 3000, over: world)
    let ranks = Float(world.size * (world.size - 1) / 2)
    for turn in 0..<20 {
      var pending: [Int: Box] = [:]
      for part in 0..<12 {
        let slice = arena[part * 3000..<(part + 1) * 3000]
        slice.values.update(repeating: Float(part + turn + world.rank))
        pending[part] = Box(try world.startAllReduce(slice, .sum))
      }
      var other = [Double(world.rank)]
      try world.allReduce(&other, .sum)
      XCTAssertEqual(other, [Double(ranks)])
      let order = world.rank % 2 == 0 ? Array(0..<12) : (0..<12).reversed()
      for part in order { try pending[part]?.wait() }
      for part in 0..<12 {
        let expected = Float((part + turn) * world.size) + ranks
        let slice = arena[part * 3000..<(part + 1) * 3000].values
        XCTAssertTrue(slice.allSatisfy { $0 == expected }, "part \(part), turn \(turn)")
      }
    }
  }

  /// Dictionaries hold no values that cannot be copied.
  private final class Box {
    private var pending: PendingReduction?
    init(_ pending: consuming PendingReduction) { self.pending = consume pending }
    func wait() throws { try pending.take()?.wait() }
  }

  func testBlockCollectives() throws {
    let world = try world()
    let arena = try Arena<Double>(count: 3000, over: world)
    let slice = arena[5..<2006]
    for index in slice.values.indices { slice.values[index] = Double(index) }
    let block = try world.reduceScatter(slice, .mean)
    XCTAssertEqual(block, BlockPartition(count: 2001, parts: world.size)[world.rank])
    XCTAssertTrue(block.allSatisfy { slice.values[$0] == Double($0) })
    for index in slice.values.indices where !block.contains(index) { slice.values[index] = -1 }
    try world.allGather(slice)
    XCTAssertTrue(slice.values.indices.allSatisfy { slice.values[$0] == Double($0) })
    for root in 0..<world.size {
      slice.values.update(repeating: Double(world.rank))
      try world.broadcast(slice, from: root)
      XCTAssertTrue(slice.values.allSatisfy { $0 == Double(root) })
      slice.values.update(repeating: Double(world.rank + 1))
      try world.reduce(slice, .maximum, to: root)
      if world.rank == root {
        XCTAssertTrue(slice.values.allSatisfy { $0 == Double(world.size) })
      }
    }
  }

  func testASingleArenaIsOneMemoryForTheHost() throws {
    let world = try world()
    let node = try world.splitByHost()
    let arena = try Arena<Int32>(count: 100, over: world, sharing: .single)
    if node.isRoot { arena[7] = 42 }
    try world.barrier()
    XCTAssertEqual(arena[7], 42)
    try world.barrier()
    arena[node.rank] = Int32(node.rank) + 1
    try world.barrier()
    for rank in 0..<node.size { XCTAssertEqual(arena[rank], Int32(rank) + 1) }
    try world.barrier()
  }

  func testEveryWayToShareMemory() throws {
    let world = try world()
    for way in HostMemoryWay.allCases {
      for sharing in [Arena<Float>.Sharing.symmetric, .single] {
        let arena = try Arena<Float>(count: 5000, over: world, sharing: sharing, ways: [way])
        XCTAssertTrue(arena.values.allSatisfy { $0 == 0 })
        XCTAssertEqual(UInt(bitPattern: arena.values.baseAddress) % 4096, 0, "\(way)")
        try world.barrier()
        if sharing == .single { continue }
        for _ in 0..<3 {
          arena.values.update(repeating: 1)
          try world.allReduce(arena.all, .sum)
          XCTAssertTrue(arena.values.allSatisfy { $0 == Float(world.size) }, "\(way)")
        }
      }
    }
  }

  func testArenasCompareWhatRanksAskFor() throws {
    let world = try world()
    if world.size < 2 { throw XCTSkip("needs two ranks") }
    let isLast = world.rank == world.size - 1
    for (mine, others) in [(1_000_000, 500_000), (1000, 500), (0, 500)] {
      XCTAssertThrowsError(try Arena<Float>(count: isLast ? mine : others, over: world)) {
        let text = "\($0)"
        XCTAssertTrue(
          text.contains("rank 0 makes an arena of \(others) float")
            && text.contains("makes an arena of \(mine) float"), text)
      }
    }
    XCTAssertThrowsError(
      try Arena<Float>(count: 10, over: world, sharing: isLast ? .single : .symmetric))
    // Nothing was made, and all can go on.
    let arena = try Arena<Float>(count: 10, over: world)
    arena.values.update(repeating: 1)
    try world.allReduce(arena.all, .sum)
    XCTAssertEqual(arena[9], Float(world.size))
  }

  func testAnArenaHasAnIdentity() throws {
    let world = try world()
    var seen: Set<UInt64> = []
    for _ in 0..<10 {
      let identity = try Arena<Float>(count: 1, over: world).memory.identity
      XCTAssertTrue(try isEqualOnAllRanks(Int64(bitPattern: identity), world))
      seen.insert(identity)
    }
    XCTAssertEqual(seen.count, 10)
  }

  func testMemoryThatIsNotThere() throws {
    let world = try world()
    XCTAssertThrowsError(try Arena<Double>(count: 1 << 50, over: world)) {
      let text = "\($0)"
      XCTAssertTrue(text.contains(" needs ") && text.contains(" are available"), text)
    }
    XCTAssertThrowsError(try world.requireMemory(world.isRoot ? .max : 8, for: "a test"))
    XCTAssertNoThrow(try world.requireMemory(1 << 20, for: "a test"))
  }

  func testRanksThatDisagreeGetAnErrorThatNamesBoth() throws {
    let world = try world().duplicate()
    if world.size < 2 || world.hosts.count > 1 { throw XCTSkip("needs two ranks on one host") }
    let arena = try Arena<Float>(count: 5000, over: world)
    let count = world.rank == 0 ? 4000 : 3999
    XCTAssertThrowsError(try world.allReduce(arena[0..<count], .sum)) { error in
      let text = "\(error)"
      XCTAssertTrue(text.contains("4000 float") && text.contains("3999 float"), text)
    }
  }

  func testBitsAreEqualOnAllRanks() throws {
    let world = try world()
    let arena = try Arena<Float>(count: 40_000, over: world)
    let mine = roughNumbers(Float.self, count: 40_000, seed: UInt64(world.rank) + 5)
    for count in [3, 600, 40_000] {
      var hashes: Set<Int64> = []
      for _ in 0..<3 {
        _ = arena.values.update(from: mine)
        try world.allReduce(arena[0..<count], .mean)
        let hash = bitHash(UnsafeRawBufferPointer(arena[0..<count].values))
        XCTAssertTrue(try isEqualOnAllRanks(hash, world), "\(count) elements")
        hashes.insert(hash)
      }
      XCTAssertEqual(hashes.count, 1)
    }
  }
}
