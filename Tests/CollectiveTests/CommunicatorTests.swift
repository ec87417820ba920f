import AllReduce
import AllReduceMPI
import XCTest

/// Messages, groups, agreement and errors.
final class CommunicatorTests: CollectiveTestCase {
  func testRanksAndNames() throws {
    let world = try world()
    XCTAssertEqual(world.isRoot, world.rank == 0)
    XCTAssertFalse(world.processorName.isEmpty)
    XCTAssertEqual(world.worldRanks, Array(0..<world.size))
    XCTAssertEqual(try world.allGather([Int32(world.rank)]), (0..<Int32(world.size)).map { $0 })
  }

  func testSplitByColourAndKey() throws {
    let world = try world()
    let half = try world.split(color: world.rank % 2, key: -world.rank)
    let members = (0..<world.size).filter { $0 % 2 == world.rank % 2 }
    XCTAssertEqual(half.worldRanks, members.reversed())
    XCTAssertEqual(half.worldRank, world.rank)
    XCTAssertEqual(
      try half.allReduce(Int64(world.rank), .sum), Int64(members.reduce(0, +)))

    let none = try world.split(optionalColor: world.rank == 0 ? 3 : nil)
    XCTAssertEqual(none == nil, world.rank != 0)
  }

  func testSplitByHost() throws {
    let world = try world()
    // All ranks are here, unless scripts/test-hosts says how many are on each host.
    let hosts = ProcessInfo.processInfo.environment["ALLREDUCE_TEST_HOSTS"] ?? "\(world.size)"
    let sizes = hosts.split(separator: ",").compactMap { Int($0) }
    XCTAssertEqual(sizes.reduce(0, +), world.size, hosts)
    var members = 0..<0
    for size in sizes where !members.contains(world.rank) {
      members = members.upperBound..<members.upperBound + size
    }
    XCTAssertEqual(try world.splitByHost().worldRanks, Array(members))
  }

  func testMessagesAroundTheRing() throws {
    let world = try world()
    let right = (world.rank + 1) % world.size
    let left = (world.rank + world.size - 1) % world.size
    for count in [0, 1, 1000, 300_000] {
      let sending = try world.startSend(
        [Int64](repeating: Int64(world.rank), count: count), to: right, tag: 5)
      var received = [Int64](repeating: -1, count: count)
      let info = try world.receive(into: &received, from: left, tag: 5)
      try sending.wait()
      XCTAssertEqual(info, MessageInfo(source: left, tag: 5, bytes: count * 8))
      XCTAssertEqual(received, [Int64](repeating: Int64(left), count: count))
    }
  }

  func testProbeFindsAnySender() throws {
    let world = try world()
    if world.isRoot {
      var seen: Set<Int> = []
      for _ in 1..<max(world.size, 1) {
        let info = try world.probe()
        var values = [Float](repeating: 0, count: info.count(of: Float.self))
        try world.receive(into: &values, from: info.source, tag: info.tag)
        XCTAssertEqual(values, [Float](repeating: Float(info.source), count: info.source))
        XCTAssertEqual(info.tag, 10 + info.source)
        seen.insert(info.source)
      }
      XCTAssertEqual(seen, Set(1..<max(world.size, 1)))
      XCTAssertNil(try world.probeIfAvailable(tag: 99))
    } else {
      let values = [Float](repeating: Float(world.rank), count: world.rank)
      try world.send(values, to: 0, tag: 10 + world.rank)
    }
    try world.barrier()
  }

  func testPendingReceiveHandsOverItsElements() throws {
    let world = try world()
    let receiving = try world.startReceive(Double.self, count: 3, from: world.rank, tag: 1)
    let isThere = receiving.isComplete
    XCTAssertFalse(isThere)
    try world.send([1.0, 2.0, 3.0], to: world.rank, tag: 1)
    let received = try receiving.wait()
    XCTAssertEqual(received, [1, 2, 3])
  }

  func testMessagesLargerThanMPICanCountAreSplit() throws {
    let world = try world().duplicate()
    world.largestCount = 100
    let right = (world.rank + 1) % world.size
    let sending = try world.startSend((0..<1000).map { Int32($0 + world.rank) }, to: right)
    var received = [Int32](repeating: 0, count: 1000)
    let info = try world.receive(into: &received)
    try sending.wait()
    XCTAssertEqual(info.bytes, 4000)
    XCTAssertEqual(received, (0..<1000).map { Int32($0 + info.source) })
  }

  func testAMessageOfAnotherSizeIsAnError() throws {
    let world = try world().duplicate()
    let sending = try world.startSend([Float](repeating: 1, count: 3), to: world.rank)
    var received = [Float](repeating: 0, count: 4)
    XCTAssertThrowsError(try world.receive(into: &received, from: world.rank)) { error in
      let text = "\(error)"
      XCTAssertTrue(text.contains("expected 16 bytes") && text.contains("sent 12"), text)
    }
    try sending.wait()
  }

  func testRanksThatDisagreeAboutTheCountGetAnError() throws {
    let world = try world().duplicate()
    if world.size < 2 { throw XCTSkip("needs two ranks") }
    // The root sends one element; the last rank expects two.
    var values = [Float](repeating: 0, count: world.rank == world.size - 1 ? 2 : 1)
    var told: [String] = []
    do {
      try world.broadcast(&values, from: 0, using: .ring)
    } catch { told.append("\(error)") }
    // A rank that had finished its part is told in its next call.
    do { try world.barrier() } catch { told.append("\(error)") }
    XCTAssertFalse(told.isEmpty)
    for text in told {
      XCTAssertTrue(text.contains("of 1 float") && text.contains("of 2 float"), text)
    }
    XCTAssertEqual(try world.allReduce(1 as Int32, .sum), Int32(world.size))
  }

  private struct Broken: ExitCoded, CustomStringConvertible {
    let exitCode: Int32 = 65
    let description: String
  }

  func testAgreementCarriesTheLowestRanksError() throws {
    let world = try world()
    XCTAssertEqual(try world.agreeing { 42 }, 42)
    for first in 0..<world.size {
      do {
        try world.agreeing {
          if world.rank >= first { throw Broken(description: "rank \(world.rank) broke: ü") }
        }
        XCTFail("agreed although rank \(first) failed")
      } catch let error as AgreedError {
        XCTAssertEqual(error.rank, first)
        XCTAssertEqual(error.message, "rank \(first) broke: ü")
        XCTAssertEqual(error.exitCode, 65)
      }
    }
  }

  func testTextsTravel() throws {
    let world = try world()
    for root in 0..<world.size {
      for text in ["", "Grüße von \(root)", String(repeating: "x", count: 100_000)] {
        XCTAssertEqual(try world.broadcast(world.rank == root ? text : "?", from: root), text)
      }
    }
  }

  func testErrorsOfMPIAreThrown() throws {
    let world = try world()
    XCTAssertThrowsError(
      try world.reduceNatively(nil, count: 0, type: .float, operation: .sum, to: world.size)
    ) { error in
      XCTAssertEqual((error as? MPIError)?.errorClass, 8, "MPI_ERR_ROOT: \(error)")
    }
  }
}
