import TestSupport
import XCTest

/// What a job does when messages between two ranks go wrong.
final class MessageFaultTests: XCTestCase {
  private func run(_ fault: String, environment: [String: String] = [:]) throws
    -> ProgramRunner.Outcome
  {
    // No deadline: what waits here waits until the time limit.
    let outcome = try ProgramRunner(timeLimit: 20).run(
      "FaultWorker", [fault], ranks: 3,
      environment: ["ALLREDUCE_DEADLINE": "0"].merging(environment) { $1 })
    XCTAssertFalse(outcome.timedOut, fault)
    XCTAssertEqual(outcome.leftBehind, [], fault)
    return outcome
  }

  /// Ways that messages may go on one host.
  private let transports: [[String: String]] = [
    [:],
    ["OMPI_MCA_btl_vader_single_copy_mechanism": "none"],
    ["OMPI_MCA_btl": "tcp,self"],
  ]

  func testAnErrorEndsTheJobAtOnceWhateverMessageIsPending() throws {
    for fault in ["throw-while-sending", "throw-while-receiving"] {
      for transport in transports {
        let outcome = try run(fault, environment: transport)
        XCTAssertEqual(outcome.exitCode, 65, outcome.errors)
        XCTAssertFalse(outcome.timedOut)
        XCTAssertEqual(outcome.errorLines(beginningWith: "error:").count, 1, outcome.errors)
        XCTAssertTrue(outcome.errors.contains(": the data is bad"), outcome.errors)
        XCTAssertEqual(outcome.output, "")
      }
    }
  }

  func testAnErrorEndsTheJobSoonWhateverReductionIsPending() throws {
    for fault in ["throw-while-reducing", "throw-while-reducing-in-arena"] {
      let outcome = try run(fault)
      XCTAssertEqual(outcome.exitCode, 65, outcome.errors)
      XCTAssertFalse(outcome.timedOut)
      XCTAssertTrue(outcome.errors.contains(": the data is bad"), outcome.errors)
      XCTAssertEqual(outcome.output, "")
    }
  }

  func testMessagesThatAreLetGoKeepNoJobFromEnding() throws {
    for transport in transports {
      let outcome = try run("let-go", environment: transport)
      XCTAssertEqual(outcome.exitCode, 0, outcome.errors)
      XCTAssertEqual(outcome.output, "survived\n", outcome.errors)
    }
  }

  func testAMessageOfAnotherSizeIsNamedOnEveryTransport() throws {
    for transport in transports {
      let outcome = try run("another-size", environment: transport)
      XCTAssertEqual(outcome.exitCode, 0, outcome.errors)
      for text in [
        "rank 1 expected 20 bytes (5 of Int32), but rank 0 sent 120 bytes with tag 3",
        "rank 1 expected 200000 bytes (50000 of Int32), but rank 0 sent 400000 bytes with tag 4",
        "survived",
      ] {
        XCTAssertTrue(outcome.output.contains(text), outcome.output + outcome.errors)
      }
    }
  }

  func testATagOutOfRangeIsNamedWithTheLimit() throws {
    for (fault, tag) in [("tag-too-large", "1099511627776"), ("tag-negative", "-5")] {
      let outcome = try run(fault)
      XCTAssertNotEqual(outcome.exitCode, 0)
      let sentence = "The tag is \(tag), but on this network tags are 0..."
      XCTAssertTrue(outcome.errors.contains(sentence), outcome.errors)
    }
  }
}
