import TestSupport
import XCTest

/// What a job does when a rank fails: it ends soon, says why once, and leaves nothing behind.
final class FaultTests: XCTestCase {
  private func run(
    _ fault: String, _ arguments: String..., ranks: Int = 3, deadline: String = "60",
    environment: [String: String] = [:]
  ) throws -> ProgramRunner.Outcome {
    try ProgramRunner(timeLimit: 30).run(
      "FaultWorker", [fault] + arguments, ranks: ranks,
      environment: ["ALLREDUCE_DEADLINE": deadline].merging(environment) { $1 })
  }

  /// A deadline that a job reaches soon.
  private let short = ProgramRunner.shortDeadline

  private func check(
    _ outcome: ProgramRunner.Outcome, exitCode: Int32, says texts: [String],
    line: UInt = #line
  ) {
    XCTAssertEqual(outcome.exitCode, exitCode, outcome.errors, line: line)
    XCTAssertFalse(outcome.timedOut, line: line)
    XCTAssertEqual(outcome.leftBehind, [], line: line)
    XCTAssertFalse(outcome.output.contains("survived"), line: line)
    for text in texts { XCTAssertTrue(outcome.errors.contains(text), outcome.errors, line: line) }
  }

  func testAThrownErrorEndsTheJobWithItsCode() throws {
    let outcome = try run("throw-on-last-rank")
    check(outcome, exitCode: 65, says: ["error: rank 2 on ", ": the data is bad"])
    XCTAssertEqual(outcome.errorLines(beginningWith: "error:").count, 1)
  }

  func testAnAgreedErrorIsPrintedOnce() throws {
    let outcome = try run("agreed-error")
    check(outcome, exitCode: 65, says: ["error: file x, line 3: no number"])
    XCTAssertEqual(outcome.errorLines(beginningWith: "error:").count, 1)
  }

  func testAHangEndsAtTheDeadlineAndNamesTheRank() throws {
    let outcome = try run("hang", deadline: short)
    check(
      outcome, exitCode: 70,
      says: [
        "allReduce of 4000 bytes by ring over 3 ranks has waited", "rank 2",
        "deadline of \(short) s",
      ])
    // Once, although two ranks wait.
    let calls = outcome.errorLines(beginningWith: "calls of the ranks of ")
    XCTAssertEqual(calls.count, 1, outcome.errors)
    XCTAssertNotNil(
      calls.first?.firstMatch(
        of: /ranks 0 and 1 made call 2, allReduce \(sum\) of 1000 float by ring; rank 2 did not\.$/),
      outcome.errors)
  }

  func testTheFirstDifferentCallIsNamedAtTheDeadline() throws {
    let outcome = try run("different-calls", deadline: short)
    check(
      outcome, exitCode: 70,
      says: ["ranks differ from call 3 on: ranks 0 and 1 called barrier, rank 2 called reduce "])
  }

  /// Ranks of one host read each other's records; those of several, as which these count without memory that they
  /// share, ask each other.
  func testRanksThatReceiveFromEachOtherAreNamedAsACycle() throws {
    for memory in ["memfd", "none"] {
      let outcome = try run(
        "cycle", deadline: short, environment: ["ALLREDUCE_HOST_MEMORY": memory])
      check(outcome, exitCode: 70, says: [])
      let errors = outcome.errorLines(beginningWith: "error: rank ")
      XCTAssertFalse(errors.isEmpty, outcome.errors)
      for error in errors {
        XCTAssertTrue(error.contains("Ranks 0 and 1 wait for each other: rank 0 in "), error)
      }
    }
  }

  func testWaitingForASlowWorkerIsNoHang() throws {
    // 4 seconds of work in steps of half a second.
    for fault in ["slow-worker", "held-push"] {
      let outcome = try run(fault, deadline: "2")
      XCTAssertEqual(outcome.exitCode, 0, outcome.errors)
      XCTAssertTrue(outcome.output.contains("survived"))
    }
  }

  func testAWorkerThatGivesNoSignOfLifeIsNamed() throws {
    let outcome = try run("silent-worker", deadline: "2")
    check(
      outcome, exitCode: 70,
      says: ["a parameter server's wait for its workers has waited", "rank 1"])
  }

  func testAHangInSharedMemoryEndsAtTheDeadline() throws {
    let outcome = try run("hang-shared", deadline: short)
    check(
      outcome, exitCode: 70,
      says: ["of 1000 float by sharedMemory has waited", "for rank 2", "deadline of \(short) s"])
  }

  func testAHangBeforeABarrierEndsAtTheDeadline() throws {
    let messages = try run("hang-barrier", deadline: short)
    check(
      messages, exitCode: 70,
      says: ["barrier has waited", "2 (process ", "deadline of \(short) s"])
    let shared = try run("hang-shared-barrier", deadline: short)
    check(
      shared, exitCode: 70,
      says: ["barrier has waited", "for rank 2", "deadline of \(short) s"])
  }

  func testAHangInsideMPIEndsAtTheDeadline() throws {
    let outcome = try run("hang-native", deadline: short)
    check(
      outcome, exitCode: 70,
      says: [
        "of 1000 float by native has waited", "for rank 2 (process ", "deadline of \(short) s",
      ])
  }

  func testAHangInASplitEndsAtTheDeadline() throws {
    let outcome = try run("hang-split-by-host", deadline: "2")
    check(
      outcome, exitCode: 70,
      says: ["splitByHost has waited", "for rank 2 (process ", "deadline of 2 s"])
  }

  func testARankOutsideACommunicatorIsNotNamed() throws {
    let outcome = try run("hang-subgroup", deadline: "2")
    check(outcome, exitCode: 70, says: ["error: rank 1 on ", " for rank 2 (process "])
    XCTAssertFalse(outcome.errors.contains("0 (process"), outcome.errors)
  }

  func testAStoppedRankIsNamedWhereverItStops() throws {
    for (place, operation) in [
      ("before-start", "MPI_Init_thread"), ("in-start", ""), ("split", "split has"),
      ("duplicate", "duplicate has"), ("arena", "Arena.init has"), ("reduction", ""),
      ("finalize", "MPI_Finalize"),
    ] {
      let outcome = try run("stop-\(place)", "1", deadline: short)
      check(outcome, exitCode: 70, says: operation.isEmpty ? [] : [": \(operation)"])
      let reports = outcome.errorLines(beginningWith: "error: rank ")
      XCTAssertFalse(reports.isEmpty, "\(place): \(outcome.errors)")
      for report in reports {
        XCTAssertNotNil(
          report.firstMatch(
            of: /has waited \d+ s for rank 1 \(process \d+ on [^ ]+, which (is|was) stopped/),
          "\(place): \(report)")
      }
    }
  }

  /// Long before the deadline, once, by one rank.
  func testALongWaitIsAWarningThatNamesTheRank() throws {
    let outcome = try run("matrix", "sharedMemory", "stop", "1", "0.3", "/tmp", deadline: "3")
    check(outcome, exitCode: 70, says: ["for rank 1 (process "])
    let warnings = outcome.errorLines(beginningWith: "warning: ")
    XCTAssertEqual(warnings.count, 1, outcome.errors)
    for part in [
      "rank 0 on ", "of 20000 float by sharedMemory has waited 2 s for rank 1 (process ",
      "which is stopped; its last call: ", "at 3.0 s the job ends",
    ] {
      XCTAssertTrue(warnings.first?.contains(part) == true, "\(part) in \(warnings)")
    }
  }

  /// Although that rank has waited a moment before.
  func testARankThatComputesForLongIsNamedInAWarning() throws {
    let outcome = try run("compute-after-a-wait", ranks: 2, deadline: "300")
    XCTAssertEqual(outcome.exitCode, 0, outcome.errors)
    let warnings = outcome.errorLines(beginningWith: "warning: ")
    XCTAssertEqual(warnings.count, 1, outcome.errors)
    for part in ["rank 1 on ", " has waited 2 s for rank 0 (process ", "waits for no other rank"] {
      XCTAssertTrue(warnings.first?.contains(part) == true, "\(part) in \(warnings)")
    }
  }

  func testAnErrorIsSaidBesideAStoppedRank() throws {
    let outcome = try run("throw-beside-a-stopped-rank")
    check(outcome, exitCode: 65, says: ["error: rank 2 on ", ": the data is bad"])
  }

  func testAnExitCodeStaysBelow256() throws {
    check(try run("throw-a-large-code"), exitCode: 255, says: ["the data is bad"])
  }

  func testAnAgreedExitCodeIsWithin1And255() throws {
    for (asked, given) in [("256", 255), ("0", 1), ("-7", 1), ("65", 65)] as [(String, Int32)] {
      check(
        try run("agree-on-a-code", asked), exitCode: given, says: ["the data is bad"])
    }
  }

  func testWhatACallDoesNotTakeIsSaidInASentence() throws {
    for (misuse, words) in [
      ("color", "A colour is 0...2147483647, but this one is -1."),
      ("large-color", "A colour is 0...2147483647, but this one is 1099511627776."),
      ("key", "A key has 32 bits, but this one is 1099511627776."),
      ("tag", "The tag is 1099511627776, but on this network tags are 0..."),
      ("negative-tag", "The tag is -2, but on this network tags are 0..."),
      ("destination", "The destination is rank 3, but ranks are 0..<3."),
      (
        "count",
        "The number of elements of a message must be 0 or more, and fit the memory, not -1."
      ),
      ("large-count", "and fit the memory, not 4611686018427387904."),
      ("root", "The root is rank -1, but ranks are 0..<3."),
      ("layer", "a dense layer cannot have 0 inputs, 10 outputs"),
      ("nested", "MPI.run was called inside of MPI.run"),
      ("thread", "used on a thread other than the one that called MPI.run"),
    ] {
      let outcome = try run("misuse-\(misuse)")
      check(outcome, exitCode: 70, says: [words])
      XCTAssertEqual(
        outcome.errorLines(beginningWith: "error: rank 2 on ").count, 1, outcome.errors)
    }
  }

  func testATrapEndsTheJob() throws {
    let outcome = try run("trap")
    XCTAssertNotEqual(outcome.exitCode, 0)
    XCTAssertFalse(outcome.timedOut)
    XCTAssertEqual(outcome.leftBehind, [])
  }

  func testDifferentCountsAreAnErrorThatNamesBoth() throws {
    let outcome = try run("different-counts", ranks: 2)
    check(
      outcome, exitCode: 70,
      says: [
        "of 1000 float by recursiveDoubling", "of 999 float", "all ranks must make the same calls",
      ])
  }

  func testADeadlineThatIsNoNumberIsSaid() throws {
    let outcome = try run("agreed-error", ranks: 1, deadline: "soon")
    XCTAssertTrue(
      outcome.errors.contains("ALLREDUCE_DEADLINE=soon is not a number of seconds"), outcome.errors)
  }
}
