import Foundation
import TestSupport
import XCTest

/// TensorBoard's own package reads what a run wrote for it: where `ALLREDUCE_PEERS` has it, as
/// `Benchmarks/peers-setup gloo` installs it.
final class TensorBoardTests: KeptRunTestCase {
  func testTheScalarsAreThoseOfTheLog() throws {
    let python = PeersPython.path
    guard let found = try? read(python, ["-c", "import tensorboard"]), found.status == 0 else {
      throw XCTSkip("TensorBoard is not installed: Benchmarks/peers-setup gloo")
    }
    let (events, log) = ("\(folder)/events", "\(folder)/log.jsonl")
    let outcome = try ProgramRunner(timeLimit: 120).run(
      "train-classifier",
      [
        "--data", "digits", "--epochs", "2", "--steps", "10", "--seed", "3",
        "--tensorboard", events, "--log", log,
      ], ranks: 2)
    XCTAssertEqual(outcome.exitCode, 0, outcome.errors)

    let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("read_events.py").path
    let printed = try read(python, [script, events])
    XCTAssertEqual(printed.status, 0, printed.text)
    let scalars = printed.text.split(separator: "\n").map { $0.split(separator: " ") }
    let losses = scalars.filter { $0[0] == "loss/training" }
    let accuracies = scalars.filter { $0[0] == "accuracy/test" }
    XCTAssertEqual(losses.compactMap { Int($0[1]) }, Array(1...20))
    XCTAssertEqual(accuracies.compactMap { Int($0[1]) }, [10, 20])

    struct Line: Decodable {
      let loss: Double?
      let test_accuracy: Double?
    }
    let lines = try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n").map {
      try JSONDecoder().decode(Line.self, from: Data($0.utf8))
    }
    for (of, logged) in [
      (losses, lines.compactMap(\.loss)), (accuracies, lines.compactMap(\.test_accuracy)),
    ] {
      XCTAssertEqual(of.count, logged.count)
      for (scalar, number) in zip(of, logged) {
        XCTAssertEqual(Double(scalar[2]) ?? .nan, number, accuracy: 1e-6)
      }
    }
  }

  private func read(_ program: String, _ arguments: [String]) throws -> (
    status: Int32, text: String
  ) {
    let (process, pipe) = (Process(), Pipe())
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.standardOutput = pipe
    process.standardError = FileHandle.nullDevice
    try process.run()
    let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return (process.terminationStatus, text)
  }
}
