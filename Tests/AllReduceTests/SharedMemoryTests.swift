import AllReduce
import AllReduceMPI
import Foundation
import TestSupport
import XCTest

/// The shared-memory collectives with threads for ranks, so that the thread sanitizer sees them.
final class SharedMemoryTests: XCTestCase {
  private let counts = [1, 2, 7, 8, 64, 131, 1000, 4097, 100_003]

  /// Fills a rank's part, runs, and compares with what is expected; many calls one after the other,
  /// so that slots and lines come round again.
  private func exhaust(
    sizes: ClosedRange<Int> = 1...9,
    _ run: @escaping @Sendable (ThreadHost.Member, ReductionOperation, Int) throws -> Void
  ) {
    for size in sizes {
      let counts = counts
      let errors = ThreadHost.run(size: size, bytes: 4 * 100_003) { member in
        for count in counts + counts.reversed() {
          for operation in ReductionOperation.allCases {
            let known = ReductionCase<Float>(operation, size: size) { $0 / Float($1) }
            let values = UnsafeMutableBufferPointer(
              start: member.parts[member.rank].assumingMemoryBound(to: Float.self), count: count)
            known.fill(values, rank: member.rank)
            try run(member, operation, count)
            if let wrong = known.firstWrong(values, 0..<count) {
              throw Wrong(
                "\(operation) of \(count), rank \(member.rank) of \(size): element \(wrong)")
            }
          }
        }
      }
      XCTAssertTrue(errors.isEmpty, "\(errors)")
    }
  }

  private struct Wrong: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
  }

  func testInPlace() {
    exhaust { member, operation, count in
      try member.runInPlace(.allReduce, operation, .float, count: count)
    }
  }

  func testThroughSlots() {
    exhaust { member, operation, count in
      try member.runThroughSlots(operation, .float, count: count, pieceBytes: 128 << 10)
    }
  }

  func testThroughSlotsInSmallPieces() {
    exhaust(sizes: 2...4) { member, operation, count in
      try member.runThroughSlots(operation, .float, count: count, pieceBytes: 4096)
    }
  }

  func testABarrierShowsWhatAllWroteBefore() {
    for size in 1...6 {
      let errors = ThreadHost.run(size: size, bytes: 8) { member in
        for turn in 0..<300 {
          // Now and then the others have to sleep.
          if turn % 50 == member.rank { usleep(2000) }
          member.parts[member.rank].storeBytes(of: turn, as: Int.self)
          try member.lines.meet(UInt64(turn))
          for owner in 0..<size where member.parts[owner].load(as: Int.self) != turn {
            throw Wrong("rank \(member.rank) does not see what rank \(owner) wrote")
          }
          try member.lines.meet(UInt64(turn))
        }
      }
      XCTAssertTrue(errors.isEmpty, "\(errors)")
    }
  }

  func testBlockCollectivesInPlace() {
    for size in 1...6 {
      let errors = ThreadHost.run(size: size, bytes: 4 * 1003) { member in
        let values = UnsafeMutableBufferPointer(
          start: member.parts[member.rank].assumingMemoryBound(to: Int32.self), count: 1003)
        let blocks = BlockPartition(count: 1003, parts: size)
        for turn in 0..<50 {
          let root = turn % size
          for index in values.indices { values[index] = Int32(index + member.rank) }
          try member.runInPlace(.reduceScatter, .sum, .int32, count: 1003)
          let added = Int32(size * (size - 1) / 2)
          guard blocks[member.rank].allSatisfy({ values[$0] == Int32($0 * size) + added }) else {
            throw Wrong("reduceScatter")
          }
          try member.runInPlace(.allGather, .sum, .int32, count: 1003)
          guard values.indices.allSatisfy({ values[$0] == Int32($0 * size) + added }) else {
            throw Wrong("allGather")
          }
          let length = 1003 / (2 * size)
          for index in values.indices { values[index] = Int32(1003 * member.rank + index) }
          try member.runInPlace(.allToAll, .sum, .int32, count: 1003)
          for owner in 0..<size where owner != member.rank {
            let (sent, came) = (member.rank * length, (size + owner) * length)
            guard (0..<length).allSatisfy({ values[came + $0] == Int32(1003 * owner + sent + $0) })
            else { throw Wrong("allToAll") }
          }
          for index in values.indices where member.rank == root { values[index] = Int32(turn) }
          try member.runInPlace(.broadcast(root: root), .sum, .int32, count: 1003)
          guard values.allSatisfy({ $0 == Int32(turn) }) else { throw Wrong("broadcast") }
        }
      }
      XCTAssertTrue(errors.isEmpty, "\(errors)")
    }
  }

  func testRanksThatDisagreeAllGetAnError() {
    let errors = ThreadHost.run(size: 3, bytes: 4096) { member in
      try member.runInPlace(.allReduce, .sum, .float, count: member.rank == 1 ? 999 : 1000)
    }
    XCTAssertEqual(errors.count, 3)
    XCTAssertTrue(errors.allSatisfy { $0 is CallFailed }, "\(errors)")
    let types = ThreadHost.run(size: 2, bytes: 4096) { member in
      try member.runThroughSlots(
        .sum, member.rank == 0 ? .float : .int32, count: 8, pieceBytes: 4096)
    }
    XCTAssertEqual(types.count, 2)
    let meetings = ThreadHost.run(size: 4, bytes: 8) { member in
      try member.lines.meet(member.rank == 2 ? 1 : 2)
    }
    XCTAssertFalse(meetings.isEmpty)
  }
}
