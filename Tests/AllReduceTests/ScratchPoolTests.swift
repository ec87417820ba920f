import AllReduce
import XCTest

/// Memory that runs of a communicator share.
final class ScratchPoolTests: XCTestCase {
  private final class Run {}

  private func need(_ kilobytes: Int) -> ScratchPool.Need {
    ScratchPool.Need(scratch: kilobytes << 10, values: 0, slots: 0)
  }

  func testWhatCameBackIsTakenAgain() throws {
    let (pool, run) = (ScratchPool(), Run())
    let (small, large) = (need(64), need(256))
    let first = try XCTUnwrap(pool.take(small, for: run))
    pool.giveBack(first, small)
    for _ in 0..<3 {
      let again = try XCTUnwrap(pool.take(small, for: run))
      XCTAssertEqual(again, first)
      pool.giveBack(again, small)
    }
    // Two sizes by turns: each gets its own piece again.
    let other = try XCTUnwrap(pool.take(large, for: run))
    XCTAssertNotEqual(other, first)
    pool.giveBack(other, large)
    for _ in 0..<3 {
      for (piece, need) in [(first, small), (other, large)] {
        let taken = try XCTUnwrap(pool.take(need, for: run))
        XCTAssertEqual(taken, piece)
        pool.giveBack(taken, need)
      }
    }
    // Two at once are two.
    let pair = [pool.take(small, for: run), pool.take(small, for: run)]
    XCTAssertEqual(Set(pair).count, 2)
    for piece in pair { pool.giveBack(try XCTUnwrap(piece), small) }
  }

  func testWhoFindsNoRoomWaitsInTurn() throws {
    let pool = ScratchPool()
    let (running, second, third) = (Run(), Run(), Run())
    let (most, small) = (need(4 << 10), need(64))
    let memory = try XCTUnwrap(pool.take(most, for: running))
    XCTAssertNil(pool.take(small, for: second))
    XCTAssertNil(pool.take(small, for: third))
    XCTAssertNil(pool.takeInTurn(small, for: second))
    pool.giveBack(memory, most)
    XCTAssertNil(pool.takeInTurn(small, for: third), "the second one was first")
    pool.forget(second)
    let taken = try XCTUnwrap(pool.takeInTurn(small, for: third))
    // No run waits any longer.
    let more = try XCTUnwrap(pool.take(small, for: running))
    pool.giveBack(taken, small)
    pool.giveBack(more, small)
  }
}
