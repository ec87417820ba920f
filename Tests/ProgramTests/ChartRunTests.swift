import Foundation
import TestSupport
import XCTest

#if canImport(FoundationXML)
  import FoundationXML
#endif

/// chart from end to end: what it draws of the files that programs write, and its refusals.
final class ChartRunTests: XCTestCase {
  private func chart(_ arguments: String...) throws -> ProgramRunner.Outcome {
    try ProgramRunner().run("chart", arguments)
  }

  /// The texts of a drawing.
  private func words(_ outcome: ProgramRunner.Outcome) -> [String] {
    XCTAssertEqual(outcome.exitCode, 0, outcome.errors)
    XCTAssertTrue(XMLParser(data: Data(outcome.output.utf8)).parse(), outcome.output)
    return outcome.output.components(separatedBy: "<text ").dropFirst().compactMap { text in
      text.split(separator: ">").dropFirst().first?.split(separator: "<").first.map(String.init)
    }
  }

  func testLogsOverStepsAndOverTime() throws {
    let lines = (1...4).map {
      "{\"step\": \($0), \"epoch\": 1, \"seconds\": \($0)0.5, \"loss\": 0.\(5 - $0)}"
    }
    let log = try TemporaryFile(
      (lines + ["{\"step\": 4, \"epoch\": 1, \"seconds\": 41, \"test_accuracy\": 0.75}"])
        .joined(separator: "\n"))
    let steps = words(try chart("--log", log.path))
    for word in ["Training", "Loss", "Test accuracy", "Step", "4"] {
      XCTAssertTrue(steps.contains(word), "\(word) in \(steps)")
    }
    let time = words(try chart("--log", log.path, "--x", "seconds"))
    XCTAssertTrue(time.contains("Seconds since the training began"), "\(time)")
    XCTAssertTrue(time.contains("40"), "\(time)")
    XCTAssertEqual(try chart("--log", log.path, "--x", "epoch").exitCode, 64)
  }

  func testStaleness() throws {
    let json = try TemporaryFile(
      "{\"ranks\": 4, \"staleness\": {\"unit\": \"updates\", \"mean\": 1.5, \"maximum\": 2, "
        + "\"histogram\": [[1, 30], [2, 30]]}}")
    let drawn = words(try chart("--staleness", json.path))
    XCTAssertTrue(drawn.contains("60 updates, mean 1.5, maximum 2."), "\(drawn)")
    XCTAssertTrue(drawn.contains("50 %"), "\(drawn)")
  }

  func testATimeline() throws {
    let events = [(0, "step", 0, 9000), (0, "forward", 0, 4000), (1, "bucket 0", 4000, 3000)].map {
      "{\"ph\": \"X\", \"name\": \"\($1)\", \"pid\": 0, \"tid\": \($0), \"ts\": \($2), \"dur\": \($3)}"
    }
    let counter =
      "{\"ph\": \"C\", \"name\": \"loss\", \"pid\": 0, \"ts\": 1, \"args\": {\"loss\": 2.5}}"
    let trace = try TemporaryFile(
      "{\"traceEvents\": [\((events + [counter]).joined(separator: ","))]}")
    let drawn = words(try chart("--trace", trace.path, "--steps", "1"))
    for word in ["rank 0", "forward", "gradients", "8 ms"] {
      XCTAssertTrue(drawn.contains(word), "\(word) in \(drawn)")
    }
    let more = try chart("--trace", trace.path)
    XCTAssertEqual(more.exitCode, 65)
    XCTAssertTrue(more.errors.contains("it has only 1 of the 2 steps to draw"), more.errors)
  }
}
