import Foundation
import TestSupport
import XCTest

/// What a user gets for bad data and wrong usage: one line, an exit code, and no process left.
final class BadInputTests: ProgramTestCase {
  private func assertFails(
    _ arguments: [String], exitCode: Int32, saying parts: [String],
    line: UInt = #line
  ) throws {
    let outcome = try ProgramRunner().run("train-linreg", arguments, ranks: 4)
    XCTAssertEqual(outcome.exitCode, exitCode, outcome.errors, line: line)
    XCTAssertEqual(outcome.output, "", line: line)
    let ours = outcome.errorLines(beginningWith: "error: ")
    XCTAssertEqual(ours.count, 1, outcome.errors, line: line)
    for part in parts {
      XCTAssertTrue(ours.first?.contains(part) == true, "\(part) in \(ours)", line: line)
    }
    XCTAssertFalse(outcome.timedOut, line: line)
    XCTAssertEqual(outcome.leftBehind, [], line: line)
  }

  func testBadFiles() throws {
    let cases: [(text: String, parts: [String])] = [
      ("a,b,y\n1,2,3\n2,x,4\n3,5,6\n", ["line 3, column 2 (b)", "a finite number", "\"x\""]),
      ("a,b,y\n1,2,3\n2,1,4\n3,5,nan\n", ["line 4, column 3 (y)", "a finite number", "\"nan\""]),
      ("a,b,y\n1,2,3\n2,1,4\n3,5\n", ["line 4", "3", "found 2"]),
      ("", ["an empty file"]),
      ("a,b,y\n", ["line 2", "only a header"]),
      ("a,b,y\n1,2,3\n2,2,4\n3,2,6\n", ["column b", "differ", "2.0 in every row"]),
      ("a,b,y\n1,2,3\n2,3,3\n3,2,3\n", ["column y", "differ", "3.0 in every row"]),
      ("a,b,z\n1,2,3\n2,3,3\n3,2,3\n", ["column y", "a, b, z"]),
      ("y\n1\n2\n", ["one feature"]),
    ]
    for (text, parts) in cases {
      let file = try TemporaryFile(text)
      for options in [[], ["--partitioned"]] {
        try assertFails(
          ["--data", file.path, "--target", "y"] + options, exitCode: 65,
          saying: parts + [file.path])
      }
    }
  }

  func testMissingFile() throws {
    for options in [[], ["--partitioned"]] {
      try assertFails(
        ["--data", "/nowhere/x.csv", "--target", "y"] + options, exitCode: 65,
        saying: ["/nowhere/x.csv", "no such file"])
    }
  }

  func testLinesOfAPartAreLinesOfTheFile() throws {
    var rows = (1...500).map { "\($0),\($0 * $0 % 17),\($0 % 7)" }
    rows[399] = "400,word,1"
    let file = try TemporaryFile("a,b,y\n" + rows.joined(separator: "\r\n"))
    try assertFails(
      ["--data", file.path, "--target", "y", "--partitioned"], exitCode: 65,
      saying: ["line 401, column 2 (b)", "\"word\""])
  }

  func testLearningRateThatDiverges() throws {
    for rate in ["1.99", "2.5", "1e300"] {
      try assertFails(
        ["--learning-rate", rate], exitCode: 65, saying: ["--learning-rate", "use 0.919 or less"])
    }
    try assertFails(
      diabetes + ["--learning-rate", "0.6"], exitCode: 65, saying: ["0.6", "use 0.236 or less"])
    try assertFails(
      ["--learning-rate", "50", "--batch-size", "20"], exitCode: 65, saying: ["diverges"])
  }

  func testUsageErrorsArePrintedOnce() throws {
    let cases: [(arguments: [String], parts: [String])] = [
      (["--unknown"], ["--unknown"]),
      (["--algorithm", "bogus"], ["bogus"]),
      (["--data", "x.csv"], ["--target"]),
      (["--target", "y"], ["--data"]),
      (["--partitioned"], ["--data"]),
      (["--data", "x.csv", "--target", "y", "--examples", "5"], ["--examples"]),
      (["--epochs", "0"], ["--epochs"]),
      (["--learning-rate", "0"], ["--learning-rate"]),
      (["--batch-size", "0"], ["--batch-size"]),
    ]
    for (arguments, parts) in cases {
      let alone = try ProgramRunner().run("train-linreg", arguments)
      XCTAssertEqual(alone.exitCode, 64)
      XCTAssertEqual(alone.output, "")
      for part in parts { XCTAssertTrue(alone.errors.contains(part), alone.errors) }
    }
    for (arguments, parts) in cases.prefix(3) {
      try assertFails(arguments, exitCode: 64, saying: parts)
    }
  }

  func testHelpIsPrintedOnce() throws {
    let outcome = try ProgramRunner().run("train-linreg", ["--help"], ranks: 3)
    XCTAssertEqual(outcome.exitCode, 0)
    XCTAssertEqual(outcome.output.components(separatedBy: "USAGE:").count, 2)
    XCTAssertEqual(outcome.errors, "")
  }
}
