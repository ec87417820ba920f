import Foundation
import TestSupport
import XCTest

/// train-classifier with plans from files, and what it prints of plans.
final class PlanRunTests: ProgramTestCase {
  private static let run = [
    "--data", "digits", "--layers", "8x8x1,conv:4x3,relu,pool:2,24,relu,18,tanh,10", "--optimizer",
    "sgd",
    "--learning-rate", "0.1", "--epochs", "1", "--steps", "20", "--global-batch-size", "48",
  ]

  private func withFile(_ text: String, _ body: (String) throws -> Void) throws {
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("plan-\(UUID().uuidString).json").path
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(atPath: path) }
    try body(path)
  }

  private func printed(_ arguments: [String], ranks: Int) throws -> String {
    let outcome = try ProgramRunner().run(
      "train-classifier", PlanRunTests.run + ["--print-plan"] + arguments, ranks: ranks)
    XCTAssertEqual(outcome.exitCode, 0, outcome.errors)
    return outcome.output
  }

  func testAPlanIsPrintedReadAndRun() throws {
    let table = try printed(["--strategy", "hybrid"], ranks: 2)
    for part in ["placement", "columns", "rows", "all-gather, scatter in turn", "grid 1 x 2"] {
      XCTAssertTrue(table.contains(part), table)
    }
    let json = try printed(["--strategy", "hybrid", "--format", "json"], ranks: 2)
    try withFile(json) { path in
      XCTAssertEqual(try printed(["--plan", path], ranks: 2), table)
      XCTAssertEqual(try printed(["--plan", path, "--format", "json"], ranks: 2), json)
    }
  }

  func testPlacementsByHandLearnWhatOneRankLearns() throws {
    let one = try ClassifierOutput.of(PlanRunTests.run, ranks: 1)
    let layers = [("0", "data"), ("2", "data"), ("4", "rows"), ("6", "data"), ("8", "columns")]
    let list = layers.map { "{\"layer\": \"\($0)\", \"placement\": \"\($1)\"}" }
      .joined(separator: ", ")
    try withFile(
      "{\"version\": 1, \"grid\": {\"data\": 2, \"model\": 2}, \"layers\": [\(list)]}"
    ) { path in
      let output = try ClassifierOutput.of(PlanRunTests.run + ["--plan", path], ranks: 4)
      XCTAssertEqual(output.trainLoss[0], one.trainLoss[0], accuracy: 1e-4 * one.trainLoss[0])
      XCTAssertEqual(output.parameters, one.parameters)
    }
  }

  func testWhatIsWrongWithAFileIsSaid() throws {
    for (text, code, parts) in [
      ("{\"version\": 1", 65, ["line 1"]), ("{\"version\": 3}", 65, ["version 3"]),
      (
        "{\"version\": 1, \"layers\": [{\"layer\": \"0\", \"placement\": \"rows\"}]}", 64,
        ["0 (Conv2D", "rows", "featureSharded"]
      ),
    ] as [(String, Int32, [String])] {
      try withFile(text) { path in
        let outcome = try ProgramRunner().run(
          "train-classifier", PlanRunTests.run + ["--plan", path], ranks: 2)
        XCTAssertEqual(outcome.exitCode, code, outcome.errors)
        for part in parts { XCTAssertTrue(outcome.errors.contains(part), outcome.errors) }
      }
    }
  }
}
