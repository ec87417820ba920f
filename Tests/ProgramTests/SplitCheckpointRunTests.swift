import Foundation
import TestSupport
import XCTest

/// Runs of train-classifier with divided weights that are resumed, by other numbers of ranks and in
/// other divisions.
final class SplitCheckpointRunTests: KeptRunTestCase {
  private let run = [
    "--data", "digits", "--layers",
    "8x8x1,conv:4x3,batchnorm,relu,pool:2,32,layernorm,relu,dropout:0.25,20,relu,10",
    "--optimizer", "adam", "--learning-rate", "0.003", "--global-batch-size", "48",
  ]

  func testRunsGoOnInAnyDivision() throws {
    let wholeLog = folder + "/whole.jsonl"
    _ = try ClassifierOutput.of(
      run + ["--epochs", "4", "--steps", "8", "--log", wholeLog], ranks: 1)
    let reference = try losses(wholeLog)
    let divisions: [[(ranks: Int, strategy: [String])]] = [
      [(2, ["model"]), (1, ["model"]), (3, ["model"]), (4, ["model"])],
      [(2, ["model"]), (2, ["data"]), (4, ["hybrid", "--grid", "2x2"]), (3, ["hybrid"])],
      [
        (2, ["hybrid"]), (1, ["data"]), (4, ["model", "--grid", "2x2"]),
        (3, ["hybrid", "--transition", "b"]),
      ],
    ]
    for (number, phases) in divisions.enumerated() {
      let (kept, log) = ("\(folder)/\(number)", "\(folder)/\(number).jsonl")
      for (part, (ranks, strategy)) in phases.enumerated() {
        let output = try ClassifierOutput.of(
          run + ["--epochs", "\(part + 1)", "--steps", "8", "--log", log, "--checkpoint", kept]
            + ["--strategy"] + strategy + (part == 0 ? [] : ["--resume"]), ranks: ranks)
        XCTAssertEqual(output.resumedAtStep, part == 0 ? nil : 8 * part)
      }
      let curve = try losses(log)
      XCTAssertEqual(curve.count, reference.count)
      for (step, (a, b)) in zip(curve, reference).enumerated() {
        XCTAssertEqual(a, b, accuracy: 1e-4 * b, "\(phases[step / 8]), step \(step)")
      }
    }
  }

  /// The processes that a process has started.
  private func children(of process: Int32) -> [Int32] {
    let all = try? String(
      contentsOfFile: "/proc/\(process)/task/\(process)/children", encoding: .utf8)
    return (all ?? "").split(separator: " ").compactMap { Int32($0) }
  }

  /// Starts two ranks and kills one of them as soon as there is a state.
  private func killAfterFirstCheckpoint(_ arguments: [String], _ file: String) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments =
      [
        "mpirun", "-np", "2",
        ProgramRunner.directory.appendingPathComponent("train-classifier").path,
      ]
      + arguments
    process.environment = ProgramRunner.jobEnvironment
    try start(process, untilThereIs: file)
    let ranks = children(of: process.processIdentifier)
    XCTAssertEqual(ranks.count, 2)
    if let last = ranks.last { kill(last, SIGKILL) }
    process.waitUntilExit()
    XCTAssertNotEqual(process.terminationStatus, 0)
  }

  func testAKilledRunGoesOnAtOtherRanks() throws {
    let long = run + ["--epochs", "10"]
    let (kept, log) = (folder + "/kept", folder + "/killed.jsonl")
    let keeping =
      long + ["--log", log, "--checkpoint", kept, "--checkpoint-every", "7", "--strategy", "model"]
    try killAfterFirstCheckpoint(keeping, kept + "/checkpoint.safetensors")
    let output = try ClassifierOutput.of(keeping + ["--resume"], ranks: 3)
    let at = try XCTUnwrap(output.resumedAtStep)
    XCTAssertGreaterThanOrEqual(at, 7)
    XCTAssertLessThan(at, output.steps)
    XCTAssertEqual(at % 7, 0)
    let wholeLog = folder + "/whole.jsonl"
    _ = try ClassifierOutput.of(
      long + ["--log", wholeLog, "--strategy", "model"], ranks: 2)
    let (curve, reference) = (try losses(log), try losses(wholeLog))
    XCTAssertEqual(curve.count, reference.count)
    for (step, (a, b)) in zip(curve, reference).enumerated() {
      // Many steps let roundings grow.
      XCTAssertEqual(a, b, accuracy: 1e-3 * b, "step \(step)")
    }
  }

  func testVariableBatchesGoOnBitForBit() throws {
    let hybrid = run + ["--steps", "8", "--strategy", "hybrid", "--variable-batch"]
    let whole = try ClassifierOutput.of(hybrid + ["--epochs", "2"], ranks: 2)
    let keeping = hybrid + ["--checkpoint", folder + "/kept"]
    _ = try ClassifierOutput.of(keeping + ["--epochs", "1"], ranks: 2)
    let output = try ClassifierOutput.of(keeping + ["--epochs", "2", "--resume"], ranks: 2)
    XCTAssertEqual(output.trainLoss, whole.trainLoss)
    XCTAssertEqual(output.weightsChecksum, whole.weightsChecksum)
  }

  func testWhatCannotBeGoneOnWith() throws {
    let kept = folder + "/kept"
    let keeping = ["--strategy", "model", "--epochs", "1", "--steps", "3", "--checkpoint", kept]
    _ = try ClassifierOutput.of(run + keeping, ranks: 2)
    let file = URL(fileURLWithPath: kept + "/checkpoint.safetensors")
    let bytes = try Data(contentsOf: file)
    func assertFails(
      _ arguments: [String], _ code: Int32, _ parts: [String], line: UInt = #line
    ) throws {
      let outcome = try ProgramRunner().run(
        "train-classifier", run + keeping + ["--resume"] + arguments, ranks: 2)
      XCTAssertEqual(outcome.exitCode, code, outcome.errors, line: line)
      let ours = outcome.errorLines(beginningWith: "error: ")
      XCTAssertEqual(ours.count, 1, outcome.errors, line: line)
      for part in parts {
        XCTAssertTrue(ours.first?.contains(part) == true, "\(part) in \(ours)", line: line)
      }
    }
    try assertFails(
      ["--layers", "64,21,relu,10"], 65, ["\"1.weight\"", "[21, 64]", "[4]", file.path])
    try assertFails(["--optimizer", "sgd"], 64, ["sgd", "adam"])
    try assertFails(["--strategy", "hybrid", "--seed", "2"], 64, ["seed is 2", "1"])
    XCTAssertEqual(try Data(contentsOf: file), bytes)
    let damaged = bytes.prefix(bytes.count / 2)
    try damaged.write(to: file)
    try assertFails([], 65, [file.path])
    XCTAssertEqual(try Data(contentsOf: file), damaged)
  }
}
