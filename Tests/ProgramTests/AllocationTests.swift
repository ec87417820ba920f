import TestSupport
import XCTest

/// Nothing is allocated in a call after the first few, in any way of reducing.
final class AllocationTests: XCTestCase {
  func testCallsAllocateNothing() throws {
    for ranks in [1, 2, 3] {
      let outcome = try ProgramRunner().run("AllocationWorker", ranks: ranks)
      XCTAssertEqual(outcome.exitCode, 0, outcome.errors)
      let lines = outcome.output.split(whereSeparator: \.isNewline).map { $0.split(separator: " ") }
      XCTAssertGreaterThanOrEqual(lines.count, 30, outcome.output)
      for line in lines {
        // 100 calls a rank. Open MPI's own pools may still grow now and then.
        let allocations = Int(line[2]) ?? Int.max
        XCTAssertLessThan(allocations, 50, "\(line.joined(separator: " ")), \(ranks) ranks")
      }
    }
  }
}
