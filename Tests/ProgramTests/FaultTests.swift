import TestSupport
import XCTest

/// What a job does when a rank fails: it ends soon, says why once, and leaves nothing behind.
final class FaultTests: XCTestCase {
  private func run(_ fault: String, ranks: Int = 3, deadline: String = "60") throws
    -> ProgramRunner.Outcome
  {
    try ProgramRunner(timeLimit: 30).run(
      "FaultWorker", [fault], ranks: ranks, environment: ["ALLREDUCE_DEADLINE": deadline])
  }

  private func check(
    _ outcome: ProgramRunner.Outcome, exitCode: Int32, within seconds: Double, says texts: [String],
    line: UInt = #line
  ) {
    XCTAssertEqual(outcome.exitCode, exitCode, outcome.errors, line: line)
    XCTAssertLessThan(outcome.seconds, seconds, line: line)
    XCTAssertEqual(outcome.leftBehind, [], line: line)
    XCTAssertFalse(outcome.output.contains("survived"), line: line)
    for text in texts { XCTAssertTrue(outcome.errors.contains(text), outcome.errors, line: line) }
  }

  func testAThrownErrorEndsTheJobWithItsCode() throws {
    let outcome = try run("throw-on-last-rank")
    check(outcome, exitCode: 65, within: 5, says: ["error: rank 2 on ", ": the data is bad"])
    XCTAssertEqual(outcome.errorLines(beginningWith: "error:").count, 1)
  }

  func testAnAgreedErrorIsPrintedOnce() throws {
    let outcome = try run("agreed-error")
    check(outcome, exitCode: 65, within: 5, says: ["error: file x, line 3: no number"])
    XCTAssertEqual(outcome.errorLines(beginningWith: "error:").count, 1)
  }

  func testAHangEndsAtTheDeadlineAndNamesTheRank() throws {
    let outcome = try run("hang", deadline: "1")
    check(
      outcome, exitCode: 70, within: 10,
      says: [
        "allReduce of 4000 bytes by ring over 3 ranks has waited", "rank 2", "deadline of 1 s",
      ])
  }

  func testAHangInSharedMemoryEndsAtTheDeadline() throws {
    let outcome = try run("hang-shared", deadline: "1")
    check(
      outcome, exitCode: 70, within: 10,
      says: ["a collective in shared memory has waited", "for rank 2", "deadline of 1 s"])
  }

  func testAHangBeforeABarrierEndsAtTheDeadline() throws {
    let messages = try run("hang-barrier", deadline: "1")
    check(
      messages, exitCode: 70, within: 10,
      says: ["barrier has waited", "for ranks", "deadline of 1 s"])
    let shared = try run("hang-shared-barrier", deadline: "1")
    check(
      shared, exitCode: 70, within: 10,
      says: ["a collective in shared memory has waited", "for rank 2", "deadline of 1 s"])
  }

  func testAHangInsideMPIEndsAtTheDeadline() throws {
    let outcome = try run("hang-native", deadline: "1")
    check(outcome, exitCode: 70, within: 10, says: ["MPI_Allreduce has waited", "deadline of 1 s"])
  }

  func testATrapEndsTheJob() throws {
    let outcome = try run("trap")
    XCTAssertNotEqual(outcome.exitCode, 0)
    XCTAssertLessThan(outcome.seconds, 20)
    XCTAssertEqual(outcome.leftBehind, [])
  }

  func testDifferentCountsAreAnErrorThatNamesBoth() throws {
    let outcome = try run("different-counts", ranks: 2)
    check(
      outcome, exitCode: 70, within: 10,
      says: ["expected", "bytes from rank", "all ranks must call the same operation"])
  }

  func testADeadlineThatIsNoNumberIsSaid() throws {
    let outcome = try run("agreed-error", ranks: 1, deadline: "soon")
    XCTAssertTrue(
      outcome.errors.contains("ALLREDUCE_DEADLINE=soon is not a number of seconds"), outcome.errors)
  }
}
