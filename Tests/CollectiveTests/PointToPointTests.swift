import AllReduce
import AllReduceMPI
import Foundation
import XCTest

/// Messages between two ranks: sizes, order, probes, and handles that are released before their end. Every rank sends
/// to its right neighbour and receives from its left one; a single rank does so with itself.
final class PointToPointTests: CollectiveTestCase {
  private func neighbours(_ world: Communicator) -> (right: Int, left: Int) {
    ((world.rank + 1) % world.size, (world.rank + world.size - 1) % world.size)
  }

  /// Expected and sent counts of Int32, on both sides of what a transport sends at once.
  private let unequal = [
    (5, 30), (5, 0), (0, 5), (50_000, 100_000), (100_000, 50_000), (5, 800_000),
  ]

  private func checkSizeError(
    _ error: any Error, _ expected: Int, _ sent: Int, tag: Int, _ world: Communicator,
    line: UInt = #line
  ) {
    let text = "\(error)"
    for part in [
      "rank \(world.rank) expected \(expected * 4) bytes (\(expected) of Int32)",
      "rank \(neighbours(world).left) sent \(sent * 4) bytes with tag \(tag)",
    ] {
      XCTAssertTrue(text.contains(part), text, line: line)
    }
  }

  // MARK: - Sizes

  func testAMessageOfAnotherSizeOverrunsNothingAndIsNamed() throws {
    let world = try world()
    let (right, left) = neighbours(world)
    for (expected, sent) in unequal {
      let sending = try world.startSend([Int32](repeating: 7, count: sent), to: right, tag: 11)
      // Room for everything that is sent, behind the place where it may go.
      let memory = UnsafeMutableBufferPointer<Int32>.allocate(capacity: expected + sent + 64)
      defer { memory.deallocate() }
      memory.initialize(repeating: -1)
      XCTAssertThrowsError(
        try world.receive(
          into: UnsafeMutableBufferPointer(rebasing: memory[32..<32 + expected]), from: left,
          tag: 11)
      ) { checkSizeError($0, expected, sent, tag: 11, world) }
      XCTAssertTrue(memory.allSatisfy { $0 == -1 }, "\(expected) for \(sent)")
      try sending.wait()
      try checkRing(world, tag: 11)
    }
  }

  func testAStartedReceiveOfAnotherSizeIsNamed() throws {
    let world = try world()
    let (right, left) = neighbours(world)
    for (expected, sent) in unequal {
      let receiving = try world.startReceive(Int32.self, count: expected, from: left, tag: 12)
      let sending = try world.startSend([Int32](repeating: 7, count: sent), to: right, tag: 12)
      try sending.wait()
      do {
        _ = try receiving.wait()
        XCTFail("\(expected) for \(sent)")
      } catch {
        checkSizeError(error, expected, sent, tag: 12, world)
      }
      try checkRing(world, tag: 12)
    }
  }

  func testSizesAboveWhatMPICountsAreNamedToo() throws {
    let world = try world().duplicate()
    world.largestCount = 100
    let (right, left) = neighbours(world)
    for (expected, sent) in [(25, 1000), (1000, 25), (1000, 999), (999, 1000), (30, 0)] {
      let sending = try world.startSend([Int32](repeating: 7, count: sent), to: right, tag: 13)
      let found = try world.probe()
      XCTAssertEqual(found, MessageInfo(source: left, tag: 13, bytes: sent * 4))
      var received = [Int32](repeating: -1, count: expected)
      XCTAssertThrowsError(try world.receive(into: &received, tag: 13)) {
        checkSizeError($0, expected, sent, tag: 13, world)
      }
      XCTAssertTrue(received.allSatisfy { $0 == -1 })
      try sending.wait()
      try checkRing(world, tag: 13)
    }
  }

  /// The communicator still carries messages of the right size.
  private func checkRing(_ world: Communicator, tag: Int, line: UInt = #line) throws {
    let (right, left) = neighbours(world)
    for count in [3, 70_000] {
      let sending = try world.startSend(
        [Int32](repeating: Int32(world.rank), count: count), to: right, tag: tag)
      var received = [Int32](repeating: -1, count: count)
      let info = try world.receive(into: &received)
      try sending.wait()
      XCTAssertEqual(info, MessageInfo(source: left, tag: tag, bytes: count * 4), line: line)
      XCTAssertTrue(received.allSatisfy { $0 == Int32(left) }, line: line)
    }
  }

  // MARK: - Order

  func testStartedReceivesOfOneTagKeepTheirOrder() throws {
    let world = try world()
    let (right, left) = neighbours(world)
    let first = try world.startReceive(Int32.self, count: 1, from: left, tag: 21)
    let second = try world.startReceive(Int32.self, count: 1, tag: 21)
    let third = try world.startReceive(Int32.self, count: 1, from: left)
    for value in 1...3 { try world.send([Int32(value)], to: right, tag: 21) }
    let values = try [third.wait()[0], second.wait()[0], first.wait()[0]]
    XCTAssertEqual(values, [3, 2, 1])
    try world.barrier()
  }

  func testALaterReceiveTakesAMessageThatAnEarlierOneDoesNotWant() throws {
    let world = try world()
    let (right, left) = neighbours(world)
    let ofTheTag = try world.startReceive(Int32.self, count: 1, tag: 22)
    let ofTheRank = try world.startReceive(Int32.self, count: 2, from: left)
    let exact = try world.startReceive(Int32.self, count: 3, from: left, tag: 23)
    try world.send([1, 2] as [Int32], to: right, tag: 24)
    let two = try ofTheRank.wait()
    XCTAssertEqual(two, [1, 2])
    try world.send([1, 2, 3] as [Int32], to: right, tag: 23)
    let three = try exact.wait()
    XCTAssertEqual(three, [1, 2, 3])
    let isThere = ofTheTag.isComplete
    XCTAssertFalse(isThere)
    try world.barrier()
    try world.send([1] as [Int32], to: right, tag: 22)
    let one = try ofTheTag.wait()
    XCTAssertEqual(one, [1])
    try world.barrier()
  }

  private final class Held {
    var receive: PendingReceive<Int32>?
    init(_ receive: consuming PendingReceive<Int32>) { self.receive = .some(receive) }
    func wait() throws -> [Int32] {
      guard let receive = receive.take() else { return [] }
      return try receive.wait()
    }
  }

  func testManyStartedReceivesGetTheMessagesInOrder() throws {
    let world = try world()
    let (right, left) = neighbours(world)
    // Every third names no source, every fifth no tag: of one sender and one tag they are alike.
    let held = try (0..<600).map {
      Held(
        try world.startReceive(
          Int32.self, count: $0 % 7, from: $0 % 3 == 0 ? nil : left, tag: $0 % 5 == 0 ? nil : 25))
    }
    for index in 0..<600 {
      try world.send([Int32](repeating: Int32(index), count: index % 7), to: right, tag: 25)
    }
    for index in (0..<600).reversed() {
      XCTAssertEqual(try held[index].wait(), [Int32](repeating: Int32(index), count: index % 7))
    }
    try world.barrier()
  }

  // MARK: - Probes

  func testAProbeFindsWhatNoStartedReceiveTakes() throws {
    let world = try world()
    let (right, left) = neighbours(world)
    let receiving = try world.startReceive(Int32.self, count: 1, from: left, tag: 31)
    try world.send([1] as [Int32], to: right, tag: 31)
    try world.send([1, 2] as [Int32], to: right, tag: 31)
    let found = try world.probe()
    XCTAssertEqual(found, MessageInfo(source: left, tag: 31, bytes: 8))
    XCTAssertEqual(try world.probeIfAvailable(tag: 31), found)
    let taken = try receiving.wait()
    XCTAssertEqual(taken, [1])
    var values: [Int32] = [0, 0]
    try world.receive(into: &values, tag: 31)
    XCTAssertEqual(values, [1, 2])
    XCTAssertNil(try world.probeIfAvailable())
    try world.barrier()
  }

  // MARK: - Letting go

  func testAReceiveThatIsLetGoTakesNoMessage() throws {
    let world = try world()
    let (right, left) = neighbours(world)
    do {
      let receiving = try world.startReceive(Int32.self, count: 1, from: left, tag: 41)
      let isThere = receiving.isComplete
      XCTAssertFalse(isThere)
    }
    try world.barrier()
    try world.send([1, 2] as [Int32], to: right, tag: 41)
    var values: [Int32] = [0, 0]
    try world.receive(into: &values, from: left, tag: 41)
    XCTAssertEqual(values, [1, 2])
    try world.barrier()
  }

  func testASendThatIsLetGoArrivesAndItsMemoryIsFreed() throws {
    let world = try world()
    let (right, left) = neighbours(world)
    let message = [Int32](repeating: Int32(world.rank), count: 250_000)
    var received = [Int32](repeating: -1, count: message.count)
    func exchange() throws {
      _ = try world.startSend(message, to: right, tag: 42)
      try world.receive(into: &received, from: left, tag: 42)
      try world.barrier()
    }
    for _ in 0..<50 { try exchange() }
    XCTAssertEqual(received, [Int32](repeating: Int32(left), count: message.count))
    let before = try residentBytes()
    for _ in 0..<200 { try exchange() }
    let grown = try residentBytes() - before
    XCTAssertLessThan(grown, 50 << 20, "200 messages of 1 MB")
  }

  private func residentBytes() throws -> Int {
    let text = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
    let pages = text.split(separator: " ")
    return Int(pages[1])! * sysconf(Int32(_SC_PAGESIZE))
  }
}
