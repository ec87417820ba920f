import AllReduce
import AllReduceMPI
import Foundation
import TestSupport
import XCTest

/// What is counted in shared memory, against what the ways there must move.
final class TrafficTests: XCTestCase {
  /// The bytes that each rank counts while `body` runs, which must be data in memory only.
  private func moved(
    ranks: Int, bytes: Int, _ body: @escaping @Sendable (ThreadHost.Member) throws -> Void
  ) -> [Int] {
    let counts = Counts(ranks)
    let errors = ThreadHost.run(size: ranks, bytes: bytes) { member in
      try body(member)
      counts.set(member.rank, member.lines.traffic.pointee.total)
    }
    XCTAssertEqual(errors.map { "\($0)" }, [])
    for traffic in counts.all {
      XCTAssertEqual(traffic.networkBytesSent, 0)
      XCTAssertEqual(traffic.agreementBytesSent, 0)
    }
    return counts.all.map(\.memoryBytesExchanged)
  }

  private final class Counts: @unchecked Sendable {
    private let lock = NSLock()
    private var list: [Traffic]
    init(_ ranks: Int) { list = Array(repeating: Traffic(), count: ranks) }
    func set(_ rank: Int, _ traffic: Traffic) { lock.withLock { list[rank] = traffic } }
    var all: [Traffic] { lock.withLock { list } }
  }

  func testInPlaceCollectivesMoveEachElementOnce() {
    for ranks in 2...5 {
      // A slice of whole cache lines for every rank.
      let count = 16 * 60
      let others = (ranks - 1) * count * 4
      for (collective, total) in [
        (.allReduce, 2 * others), (.reduceScatter, others), (.allGather, others),
        (.allToAll, others / 2), (.broadcast(root: 1), others),
        (.reduce(root: 0), others + others / ranks),
      ] as [(Collective, Int)] {
        let moved = moved(ranks: ranks, bytes: count * 4) {
          try $0.runInPlace(collective, .sum, .float, count: count)
        }
        XCTAssertEqual(moved.reduce(0, +), total, "\(collective) of \(ranks) ranks")
        if case .allReduce = collective { XCTAssertEqual(Set(moved).count, 1) }
      }
    }
  }

  func testSmallVectorsAreReadByEveryRank() {
    for ranks in 2...5 {
      for bytes in [4, 32, 2048] {
        let moved = moved(ranks: ranks, bytes: bytes) {
          try $0.runThroughSlots(.sum, .float, count: bytes / 4, pieceBytes: 1 << 20)
        }
        XCTAssertEqual(moved, Array(repeating: (ranks - 1) * bytes, count: ranks))
      }
    }
  }

  func testLargeVectorsAreReadAndWrittenInSlots() {
    for ranks in 2...5 {
      let count = 16 * 60 * 50
      let moved = moved(ranks: ranks, bytes: count * 4) {
        try $0.runThroughSlots(.sum, .float, count: count, pieceBytes: 16 * 60 * 4)
      }
      let each = 2 * (ranks - 1) * count * 4 / ranks
      XCTAssertEqual(moved, Array(repeating: each, count: ranks))
    }
  }
}
