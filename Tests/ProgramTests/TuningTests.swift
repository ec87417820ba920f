import Foundation
import TestSupport
import XCTest

/// Measured choices from the outside: making them, following them, and files that are none.
final class TuningTests: ProgramTestCase {
  /// Measured choices that differ from the built-in ones, for 2 ranks on one host.
  private let odd = """
    {
      "version": 1,
      "tables": [{
        "ranks": 2, "hosts": 1, "ranks_per_host": [2], "machine": "a test", "date": "today",
        "arena": [{"up_to_bytes": null, "algorithm": "gatherAndReduce", "segment_bytes": null}],
        "array": [
          {"up_to_bytes": 1024, "algorithm": "tree", "segment_bytes": 4096},
          {"up_to_bytes": 65536, "algorithm": "sharedMemory", "segment_bytes": null},
          {"up_to_bytes": null, "algorithm": "doubleTree", "segment_bytes": null}
        ],
        "messages": [{"up_to_bytes": null, "algorithm": "ring", "segment_bytes": 4096}]
      }]
    }
    """

  private func bench(
    _ arguments: [String], ranks: Int = 2, _ environment: [String: String] = [:]
  ) throws -> ProgramRunner.Outcome {
    try ProgramRunner().run("allreduce-bench", arguments, ranks: ranks, environment: environment)
  }

  /// What automatic took, as `buffers bytes algorithm correct`, and whose choices these were.
  private func choices(
    ranks: Int = 2, _ environment: [String: String]
  ) throws -> (rows: [String], source: String?) {
    let outcome = try bench(
      [
        "--algorithms", "automatic", "--bytes", "64,1Ki,1028,64Ki,1Mi", "--format", "json",
        "--warmup", "1", "--iterations", "3",
      ], ranks: ranks, environment)
    XCTAssertEqual(outcome.exitCode, 0, outcome.errors)
    let json = try XCTUnwrap(
      try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
    let rows = try XCTUnwrap(json["rows"] as? [[String: Any]])
    for row in rows { XCTAssertEqual(row["correct"] as? Bool, true, "\(row)") }
    return (
      rows.map { "\($0["buffers"] ?? "") \($0["bytes"] ?? "") \($0["algorithm"] ?? "")" },
      json["automatic_choices"] as? String
    )
  }

  private let builtIn = [64, 1024, 1028, 65536, 1 << 20].flatMap {
    ["arena \($0) sharedMemory", "array \($0) sharedMemory"]
  }

  func testAutomaticFollowsTheTableOfItsPlacement() throws {
    let file = try TemporaryFile(odd)
    let (rows, source) = try choices(["ALLREDUCE_TUNING": file.path])
    XCTAssertEqual(source, file.path)
    XCTAssertEqual(
      rows,
      [
        "arena 64 gatherAndReduce", "array 64 tree", "arena 1024 gatherAndReduce",
        "array 1024 tree", "arena 1028 gatherAndReduce", "array 1028 sharedMemory",
        "arena 65536 gatherAndReduce", "array 65536 sharedMemory",
        "arena 1048576 gatherAndReduce", "array 1048576 doubleTree",
      ])
    let others = try choices(ranks: 3, ["ALLREDUCE_TUNING": file.path])
    XCTAssertEqual(others.source, "built-in")
    XCTAssertEqual(others.rows, builtIn)
  }

  func testTheDefaultPlaceIsInTheUsersSettings() throws {
    let home = FileManager.default.temporaryDirectory
      .appendingPathComponent("allreduce-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: home) }
    for (variables, folder) in [
      (["HOME": home.path, "XDG_CONFIG_HOME": ""], ".config/allreduce"),
      (["HOME": "/nowhere", "XDG_CONFIG_HOME": home.path], "allreduce"),
    ] {
      let environment = variables.merging(["ALLREDUCE_TUNING": ""]) { $1 }
      let place = home.appendingPathComponent(folder)
      XCTAssertEqual(try choices(environment).source, "built-in")
      try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
      let file = place.appendingPathComponent("tuning.json")
      try Data(odd.utf8).write(to: file)
      XCTAssertEqual(try choices(environment).source, file.path)
      let none = try choices(environment.merging(["ALLREDUCE_TUNING": "none"]) { $1 })
      XCTAssertEqual(none.source, "built-in")
      XCTAssertEqual(none.rows, builtIn)
      try FileManager.default.removeItem(at: file)
    }
  }

  func testBadFilesEndTheJob() throws {
    for (text, part) in [
      ("circle", "line 1 is not JSON: expected a value"),
      (odd.replacingOccurrences(of: "\"version\": 1", with: "\"version\": 3"), "version 3"),
      (odd.replacingOccurrences(of: "\"tree\"", with: "\"bush\""), "\"bush\", which is no"),
      (odd.replacingOccurrences(of: "65536", with: "1000"), "1000 for up_to_bytes after 1024"),
    ] {
      let file = try TemporaryFile(text)
      for program in ["allreduce-bench", "train-linreg"] {
        try assertFails(program, file.path, part)
      }
    }
    try assertFails("train-linreg", "/nowhere/choices.json", "there is no such file")
    try assertFails("train-linreg", "/", "cannot be read")
  }

  private func assertFails(_ program: String, _ file: String, _ part: String) throws {
    let outcome = try ProgramRunner().run(
      program, ranks: 3, environment: ["ALLREDUCE_TUNING": file])
    XCTAssertEqual(outcome.exitCode, 65, outcome.errors)
    XCTAssertEqual(outcome.output, "")
    let errors = outcome.errorLines(beginningWith: "error: ")
    XCTAssertEqual(errors.count, 1, outcome.errors)
    XCTAssertTrue(errors.first?.hasPrefix("error: \(file): ") == true, "\(errors)")
    XCTAssertTrue(errors.first?.contains(part) == true, "\(part) in \(errors)")
    XCTAssertTrue(errors.first?.contains("ALLREDUCE_TUNING=none") == true, "\(errors)")
    XCTAssertFalse(outcome.timedOut)
    XCTAssertEqual(outcome.leftBehind, [])
  }

  func testTablesAreMadeAndKeptSideBySide() throws {
    let file = try TemporaryFile(odd)
    let options = ["--tune", file.path, "--bytes", "64,256Ki", "--seconds", "0.01"]
    for ranks in [3, 2] {
      let outcome = try bench(options, ranks: ranks)
      XCTAssertEqual(outcome.exitCode, 0, outcome.errors)
      XCTAssertTrue(outcome.output.contains("Written to \(file.path)"), outcome.output)
      let text = try String(contentsOfFile: file.path, encoding: .utf8)
      XCTAssertEqual(text.contains("a test"), ranks == 3, text)
      XCTAssertTrue(text.contains("\"ranks_per_host\": [3]"), text)
    }
    for ranks in [2, 3] {
      let (rows, source) = try choices(ranks: ranks, ["ALLREDUCE_TUNING": file.path])
      XCTAssertEqual(source, file.path)
      XCTAssertEqual(rows.count, builtIn.count)
    }
  }

  func testDefaultSizesEndBeforeTheyTakeTooLong() throws {
    let file = try TemporaryFile("{\"version\": 1, \"tables\": []}")
    let outcome = try bench(["--tune", file.path, "--seconds", "0.0005"])
    XCTAssertEqual(outcome.exitCode, 0, outcome.errors)
    let notes = outcome.errors.split(separator: "\n").filter { $0.contains(": arena ") }
    XCTAssertTrue(notes.first?.hasPrefix("4 B: ") == true, outcome.errors)
    XCTAssertTrue(outcome.errors.contains(" and above: left out"), outcome.errors)
    XCTAssertFalse(notes.contains { $0.hasPrefix("64 MiB: ") }, outcome.errors)
    XCTAssertEqual(try choices(["ALLREDUCE_TUNING": file.path]).source, file.path)
  }

  func testTuningNeedsAFileOfItsOwnAndSeveralRanks() throws {
    let foreign = try TemporaryFile("a,b\n")
    let bad = try bench(["--tune", foreign.path, "--bytes", "4"])
    XCTAssertEqual(bad.exitCode, 65)
    XCTAssertTrue(bad.errors.contains("error: \(foreign.path): line 1"), bad.errors)
    XCTAssertEqual(try String(contentsOfFile: foreign.path, encoding: .utf8), "a,b\n")
    let nowhere = try bench(["--tune", "/proc/nowhere/t.json", "--bytes", "4"])
    XCTAssertEqual(nowhere.exitCode, 70)
    XCTAssertTrue(nowhere.errors.contains("cannot be kept in /proc/nowhere/t.json"), nowhere.errors)
    let alone = try bench(["--tune", foreign.path, "--bytes", "4"], ranks: 1)
    XCTAssertEqual(alone.exitCode, 64)
    XCTAssertTrue(alone.errors.contains("needs at least 2 ranks"), alone.errors)
    for (option, part) in [
      (["--algorithms", "ring"], "not with --algorithms"),
      (["--format", "csv"], "not with --format"),
      (["--bytes", "64,4"], "ascending"),
    ] {
      let outcome = try ProgramRunner().run("allreduce-bench", ["--tune", "x"] + option)
      XCTAssertEqual(outcome.exitCode, 64)
      XCTAssertTrue(outcome.errors.contains(part), outcome.errors)
    }
  }
}
