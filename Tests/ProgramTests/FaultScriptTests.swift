import Foundation
import TestSupport
import XCTest

/// A small part of the scripts that let things go wrong, with seeds that are written down.
final class FaultScriptTests: ProgramTestCase {
  private func run(_ command: [String]) throws {
    let outcome = try ProgramRunner(timeLimit: 360).run(
      "FaultWorker", ["unused"],
      wrapper: ["env"]
        + ["FAULT_WORKERS", "CHAOS_PROGRAMS"].map { "\($0)=\(ProgramRunner.directory.path)" }
        + command)
    XCTAssertEqual(outcome.exitCode, 0, outcome.output + outcome.errors)
    XCTAssertTrue(outcome.output.contains(", 0 failed") || outcome.output.contains(" 0 failed"))
    XCTAssertEqual(outcome.leftBehind, [])
  }

  func testSomeCellsOfTheFaultMatrix() throws {
    try run(["sh", "-c", "scripts/kill-matrix --ranks 2 --cells 4 --seed 5"])
  }

  func testFiveRunsOfChaos() throws {
    try run(["sh", "-c", "scripts/chaos 5 --faults 2 --seconds 4 --seed 7"])
  }
}
