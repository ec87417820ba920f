import TestSupport
import XCTest

/// Programs that use MPI themselves, and the library in between.
final class AttachTests: ProgramTestCase {
  func testAProgramThatBeganMPICanUseTheLibrary() throws {
    for ranks in [2, 3, 4] {
      let outcome = try ProgramRunner().run(
        "AttachWorker", ranks: ranks, environment: ["ALLREDUCE_DEADLINE": "30"])
      XCTAssertEqual(outcome.exitCode, 0, outcome.output + outcome.errors)
      XCTAssertEqual(outcome.output, "\(ranks) ranks attached\n", outcome.errors)
      XCTAssertEqual(outcome.leftBehind, [])
    }
    let alone = try ProgramRunner().run("AttachWorker")
    XCTAssertEqual(alone.output, "1 ranks attached\n", alone.errors)
  }
}
