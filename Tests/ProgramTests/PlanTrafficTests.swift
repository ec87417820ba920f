import Foundation
import TestSupport
import XCTest

/// Bytes that trainers report, against those that MPI was given, for every kind of plan: with the choices that
/// are built in, and with a file of others. And bytes that are predicted, against those that a run counts.
final class PlanTrafficTests: XCTestCase {
  /// Measured choices that differ from the built-in ones.
  private func tuning(_ placement: [Int]) -> String {
    let steps = { (algorithms: [String]) in
      algorithms.enumerated().map { number, algorithm in
        let limit = number + 1 < algorithms.count ? "\(256 << (2 * number))" : "null"
        return """
          {"up_to_bytes": \(limit), "algorithm": "\(algorithm)", "segment_bytes": \(
            number == 0 ? "null" : "4096")}
          """
      }.joined(separator: ", ")
    }
    return """
      {
        "version": 1,
        "tables": [{
          "ranks": \(placement.reduce(0, +)), "hosts": \(placement.count),
          "ranks_per_host": \(placement), "machine": "a test", "date": "today",
          "arena": [\(steps(["gatherAndReduce", "tree", "doubleTree"]))],
          "array": [\(steps(["tree", "ring"]))],
          "messages": [\(steps(["halvingDoubling", "recursiveDoubling", "ring"]))]
        }]
      }
      """
  }

  private func check(_ placement: [Int], isTuned: Bool) throws {
    let file = try TemporaryFile(tuning(placement))
    let environment = isTuned ? ["ALLREDUCE_TUNING": file.path] : [:]
    let what = "\(placement), \(isTuned ? "tuned" : "built-in choices")"
    let outcome =
      if placement.count == 1 {
        try ProgramRunner(timeLimit: 240).run(
          "TrafficWorker", ranks: placement[0], environment: environment)
      } else {
        try ProgramRunner(timeLimit: 240).run(
          "TrafficWorker",
          wrapper: [
            "scripts/test-hosts", "\(placement.count)", "--ranks",
            placement.map(String.init).joined(separator: ","), "--",
          ], environment: environment)
      }
    if outcome.exitCode == 77 { throw XCTSkip(outcome.errors) }
    XCTAssertEqual(outcome.exitCode, 0, "\(what): \(outcome.errors)")
    let all = outcome.output.split(whereSeparator: \.isNewline)
    let predicted = all.filter { $0.hasPrefix("predicted ") }
    for line in predicted { XCTAssertTrue(line.hasSuffix(": 0"), "\(what): \(line)") }
    XCTAssertEqual(predicted.count >= 60, !isTuned, "\(what): \(predicted.count) predictions")
    let lines = all.filter { !$0.hasPrefix("predicted ") }
    XCTAssertGreaterThanOrEqual(lines.count, 25, "\(what): \(outcome.output)")
    var sent = 0
    for line in lines {
      let counts = (line.split(separator: ":").last ?? "").split(separator: " ").map {
        Int($0) ?? -1
      }
      XCTAssertEqual(counts.count, 4, "\(what): \(line)")
      guard counts.count == 4 else { continue }
      sent += counts[0]
      XCTAssertEqual(counts[0], counts[1], "\(what): \(line)")
      XCTAssertEqual(counts[2], 0, "\(what): \(line)")
      XCTAssertEqual(counts[3], 0, "\(what): \(line)")
    }
    XCTAssertEqual(sent > 0, placement.count > 1, what)
  }

  func testOnOneHost() throws {
    for isTuned in [false, true] {
      for ranks in [2, 3] { try check([ranks], isTuned: isTuned) }
    }
  }

  // A test each, so that they run side by side.

  func testBetweenThreeHosts() throws { try check([1, 1, 1], isTuned: false) }
  func testBetweenThreeHostsWithOtherChoices() throws { try check([1, 1, 1], isTuned: true) }
  func testBetweenHostsOfTwoRanks() throws { try check([2, 2], isTuned: false) }
  func testBetweenHostsOfTwoRanksWithOtherChoices() throws { try check([2, 2], isTuned: true) }
}
