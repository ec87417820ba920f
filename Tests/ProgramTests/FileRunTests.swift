import Foundation
import TestSupport
import XCTest

/// What programs do with files that are not what they expect.
final class FileRunTests: KeptRunTestCase {
  private func assertFails(
    _ program: String, _ arguments: [String], _ code: Int32, _ parts: [String], ranks: Int? = nil,
    wrapper: [String] = [], line: UInt = #line
  ) throws {
    let outcome = try ProgramRunner().run(program, arguments, ranks: ranks, wrapper: wrapper)
    XCTAssertEqual(outcome.exitCode, code, outcome.errors, line: line)
    let ours = outcome.errorLines(beginningWith: "error: ")
    XCTAssertEqual(ours.count, 1, outcome.errors, line: line)
    for part in parts {
      XCTAssertTrue(ours.first?.contains(part) == true, "\(part) in \(ours)", line: line)
    }
  }

  func testOutputThatCannotBeWrittenIsAnError() throws {
    let full = ["sh", "-c", "exec \"$0\" \"$@\" >/dev/full"]
    for (program, arguments) in [
      ("explain", []), ("explain", ["--format", "svg"]), ("explain", ["--help"]),
      ("train-linreg", []), ("train-linreg", ["--format", "json"]), ("train-linreg", ["--help"]),
      ("custom-gradient", []),
    ] {
      try assertFails(
        program, arguments, 70, ["standard output", "No space left on device"], wrapper: full)
    }
    // On ranks too, where mpirun takes what they write.
    try assertFails(
      "train-linreg", [], 70, ["standard output", "No space"], ranks: 2, wrapper: full)
  }

  func testAPipeGetsTheTraceAndTheLog() throws {
    let training = [
      "--data", "digits", "--data-limit", "64", "--layers", "64,10", "--global-batch-size", "32",
      "--epochs", "1", "--format", "json",
    ]
    for (option, begin) in [("--trace", "{\"displayTimeUnit\""), ("--log", "{\"step\": 1")] {
      let pipe = folder + "/pipe\(option)"
      XCTAssertEqual(mkfifo(pipe, 0o600), 0)
      // Wide enough for all that comes.
      let reader = open(pipe, O_RDONLY | O_NONBLOCK)
      defer { close(reader) }
      _ = try ClassifierOutput.of(training + [option, pipe], ranks: 2)
      var bytes = [UInt8](repeating: 0, count: 1 << 16)
      let count = read(reader, &bytes, bytes.count)
      XCTAssertTrue(
        String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self).hasPrefix(begin), option)
      var status = stat()
      XCTAssertEqual(stat(pipe, &status), 0)
      XCTAssertEqual(status.st_mode & S_IFMT, S_IFIFO, option)
    }
  }

  /// Each rank would get some of the lines.
  func testAPipeIsNoFileToReadInParts() throws {
    let pipe = folder + "/pipe"
    XCTAssertEqual(mkfifo(pipe, 0o600), 0)
    let text = "a,b,y\n1,2,3\n2,1,4\n3,5,1\n"
    let writer = open(pipe, O_RDWR)
    defer { close(writer) }
    XCTAssertEqual(write(writer, text, text.utf8.count), text.utf8.count)
    try assertFails(
      "train-linreg", ["--partitioned", "--data", pipe, "--target", "y"], 65,
      [pipe, "a regular file", "found a pipe"], ranks: 2)
  }

  /// The intercept is the rest of numbers of 3.4e9, and rounding shows in it.
  func testAFeatureFarFromZeroIsNoFailedCheck() throws {
    let loads = [0, 7, 3, 10, 6, 2, 9, 5, 1, 8, 4, 0]
    let rows = loads.enumerated().map { "\(1_700_000_000 + $0),\($1),\(2 * $1 + 1)" }
    let file = try TemporaryFile((["time,load,y"] + rows).joined(separator: "\n"))
    for ranks in [1, 2, 3] {
      let output = try LinregOutput.of(["--data", file.path, "--target", "y"], ranks: ranks)
      XCTAssertLessThanOrEqual(try XCTUnwrap(output.serialDifference), 1e-10)
      XCTAssertEqual(output.theta[2], 2, accuracy: 1e-9)
    }
  }

  func testAFileWithoutAHeaderIsSaidToHaveNone() throws {
    let file = try TemporaryFile("2019,2020,2021\n1,7,-17.5\n2,3,-3.75\n3,10,-23\n4,6,-8.5\n")
    let outcome = try ProgramRunner().run(
      "train-linreg", ["--data", file.path, "--target", "3", "--no-verify"], ranks: 2)
    XCTAssertEqual(outcome.exitCode, 0, outcome.errors)
    XCTAssertTrue(outcome.errors.contains("\(file.path) has no header"), outcome.errors)
  }
}
