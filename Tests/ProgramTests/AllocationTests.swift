import TestSupport
import XCTest

/// Nothing is allocated in a call after the first few, in any way of reducing.
final class AllocationTests: XCTestCase {
  func testCallsAllocateNothing() throws {
    for ranks in [1, 2, 3] {
      // 40 calls a rank. Open MPI's own pools may still grow now and then, and a wait that lasts 10 milliseconds, as
      // where others use the processors, makes notes for a report: what is allocated always is in every run.
      var (most, fewest) = ([String: Int](), [String: Int]())
      for _ in 0..<3 {
        let outcome = try ProgramRunner().run("AllocationWorker", ranks: ranks)
        XCTAssertEqual(outcome.exitCode, 0, outcome.errors)
        let lines = outcome.output.split(whereSeparator: \.isNewline).map {
          $0.split(separator: " ")
        }
        XCTAssertGreaterThanOrEqual(lines.count, 30, outcome.output)
        most = [:]
        for line in lines {
          let name = line.prefix(2).joined(separator: " ")
          most[name] = max(most[name] ?? 0, Int(line[2]) ?? Int.max)
        }
        fewest.merge(most) { min($0, $1) }
        if fewest.values.allSatisfy({ $0 < 20 }) { break }
      }
      for (name, allocations) in fewest {
        XCTAssertLessThan(allocations, 20, "\(name), \(ranks) ranks")
      }
    }
  }
}
