import Foundation
import TestSupport
import XCTest

/// What ranks that disagree are told, and that legal programs end: a part of what
/// `scripts/test-agreement` and `scripts/test-progress` check.
final class AgreementTests: ProgramTestCase {
  func testATenthOfTheMatrixOfDisagreementsOnOneHost() throws {
    try checkATenth("vader,tcp")
  }

  func testATenthOfTheMatrixOfDisagreementsOverUCXAndBetweenHosts() throws {
    try checkATenth("ucx,hosts")
  }

  private func checkATenth(_ transports: String, line: UInt = #line) throws {
    // Another tenth every day; a failure prints the seed.
    let seed = Int(Date().timeIntervalSince1970 / 86_400)
    try check(
      "test-agreement", ["--cells", "tenth", "--seed", "\(seed)", "--transports", transports],
      line: line)
  }

  func testWhatIsInFlightMovesInEveryWait() throws {
    try check("test-progress", ["--only", "progress/*/first", "--transports", "vader"])
  }

  func testRandomProgramsEnd() throws {
    let seed = Int(Date().timeIntervalSince1970 / 86_400)
    try check(
      "test-progress",
      [
        "--only", "random", "--seeds", "2", "--first", "\(seed)", "--collectives", "200",
        "--ranks", "2,3,5",
      ])
  }

  /// Runs a script, which must say that nothing failed.
  private func check(_ script: String, _ arguments: [String], line: UInt = #line) throws {
    let (status, output) = try run(script, arguments)
    print(output)
    let last = output.split(separator: "\n").last ?? ""
    XCTAssertEqual(status, 0, output, line: line)
    XCTAssertTrue(last.hasSuffix(" passed, 0 failed") && !last.hasPrefix("0 "), output, line: line)
  }

  private func run(_ script: String, _ arguments: [String]) throws -> (Int32, String) {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let file = FileManager.default.temporaryDirectory
      .appendingPathComponent("allreduce-\(UUID().uuidString)")
    try Data().write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    let process = Process()
    process.executableURL = root.appendingPathComponent("scripts/\(script)")
    process.arguments = arguments
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = try FileHandle(forWritingTo: file)
    process.standardError = process.standardOutput
    process.environment = ProgramRunner.ownEnvironment
      .filter { !$0.key.hasPrefix("ALLREDUCE_") }
      .merging([
        "AGREEMENT_WORKER":
          ProgramRunner.directory.appendingPathComponent("AgreementWorker").path
      ]) { $1 }
    try process.run()
    let end = Date() + 240
    while process.isRunning && Date() < end { usleep(20_000) }
    if process.isRunning { process.terminate() }
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: try Data(contentsOf: file), as: UTF8.self))
  }
}
