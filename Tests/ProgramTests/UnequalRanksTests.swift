import TestSupport
import XCTest

/// Ranks that were started with other options, or hold other data or layers, train nothing.
final class UnequalRanksTests: ProgramTestCase {
  /// Starts rank 0 with some arguments and rank 1 with others.
  private func run(
    _ program: String, _ first: [String], _ second: [String], deadline: String = "20"
  ) throws -> ProgramRunner.Outcome {
    let path = ProgramRunner.directory.appendingPathComponent(program).path
    return try ProgramRunner().run(
      program, first + [":", "-np", "1", path] + second, ranks: 1,
      environment: ["ALLREDUCE_DEADLINE": deadline])
  }

  private func assertRefused(
    _ outcome: ProgramRunner.Outcome, exitCode: Int32, saying parts: [String], line: UInt = #line
  ) {
    XCTAssertEqual(outcome.exitCode, exitCode, outcome.errors, line: line)
    XCTAssertEqual(outcome.output, "", line: line)
    let ours = outcome.errorLines(beginningWith: "error: ")
    XCTAssertEqual(ours.count, 1, outcome.errors, line: line)
    for part in parts {
      XCTAssertTrue(ours.first?.contains(part) == true, "\(part) in \(ours)", line: line)
    }
    XCTAssertEqual(outcome.leftBehind, [], line: line)
  }

  func testOtherOptionsAreRefusedAndBothNamed() throws {
    let common = ["--data", "digits", "--epochs", "1", "--steps", "2"]
    for (option, one, two) in [
      ("--learning-rate", "0.05", "0.01"), ("--seed", "1", "2"), ("--optimizer", "sgd", "adam"),
    ] {
      assertRefused(
        try run("train-classifier", common + [option, one], common + [option, two]), exitCode: 64,
        saying: ["rank 0 has", "\(option) \(one)", "rank 1 has", "\(option) \(two)"])
    }
    assertRefused(
      try run("train-classifier", ["--epochs", "1"], ["--epochs", "2"]), exitCode: 64,
      saying: ["--epochs 1", "--epochs 2"])
  }

  func testAMistakeOfOneRankAloneIsSaid() throws {
    assertRefused(
      try run("train-linreg", [], ["--bogus"]), exitCode: 64,
      saying: ["rank 1 has \"train-linreg --bogus\""])
  }

  func testOtherLayersRulesDataAndSettingsAreRefused() throws {
    for (what, exitCode, parts) in [
      ("layers", 1, ["layers", "rank 0 has", "rank 1 has"]),
      ("activation", 1, ["ReLU", "Tanh"]), ("optimizer", 1, ["momentum", "adam"]),
      ("data", 65, ["data", "checksum"]), ("epochs", 64, ["epochs: 1", "epochs: 2"]),
      ("schedule", 64, ["constant(0.05)", "constant(0.01)"]),
    ] as [(String, Int32, [String])] {
      let outcome = try ProgramRunner().run(
        "FaultWorker", ["unequal-\(what)"], ranks: 2, environment: ["ALLREDUCE_DEADLINE": "20"])
      assertRefused(outcome, exitCode: exitCode, saying: parts)
    }
  }
}
