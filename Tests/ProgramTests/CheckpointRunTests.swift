import Foundation
import TestSupport
import XCTest

/// Runs of train-classifier that keep their state, are killed, and are resumed.
final class CheckpointRunTests: KeptRunTestCase {
  private var kept: String { folder + "/kept" }
  private var file: String { kept + "/checkpoint.safetensors" }

  private let run = [
    "--data", "digits", "--layers", "8x8x1,conv:8x3,batchnorm,relu,pool:2,dropout:0.25,32,relu,10",
    "--optimizer", "adam", "--learning-rate", "0.003", "--warm-up", "20", "--global-batch-size",
    "50",
  ]

  func testARunGoesOnBitForBitOrAtOtherRanksNearly() throws {
    let log = folder + "/whole.jsonl"
    let whole = try ClassifierOutput.of(run + ["--epochs", "3", "--log", log], ranks: 2)
    let reference = try losses(log)
    for ranks in [[2, 2, 2], [1, 2, 3]] {
      let (kept, own) = ("\(folder)/\(ranks)", "\(folder)/\(ranks).jsonl")
      var output = whole
      for (part, count) in ranks.enumerated() {
        output = try ClassifierOutput.of(
          run + ["--epochs", "\(part + 1)", "--log", own, "--checkpoint", kept]
            + (part == 0 ? [] : ["--resume"]), ranks: count)
        XCTAssertEqual(output.resumedAtStep, part == 0 ? nil : 30 * part)
        XCTAssertEqual(output.steps, 30 * (part + 1))
      }
      let isSame = ranks == [2, 2, 2]
      let curve = try losses(own)
      XCTAssertEqual(curve.count, reference.count)
      for (step, (a, b)) in zip(curve, reference).enumerated() {
        XCTAssertEqual(a, b, accuracy: isSame ? 0 : 1e-4 * b, "\(ranks), step \(step)")
      }
      if isSame {
        XCTAssertEqual(output.weightsChecksum, whole.weightsChecksum)
        XCTAssertEqual(output.trainLoss, whole.trainLoss)
        XCTAssertEqual(output.testAccuracy, whole.testAccuracy)
      }
    }
  }

  func testARunGoesOnInAnotherModeOfUpdate() throws {
    let whole = try ClassifierOutput.of(
      run + ["--epochs", "4", "--update", "replicated"], ranks: 2)
    var output = whole
    for (part, mode) in ["shared", "sharded", "replicated", "shared"].enumerated() {
      output = try ClassifierOutput.of(
        run + ["--epochs", "\(part + 1)", "--checkpoint", kept, "--update", mode]
          + (part == 0 ? [] : ["--resume"]), ranks: 2 + part % 2)
      XCTAssertEqual(output.update, mode)
    }
    for (a, b) in zip(output.trainLoss, whole.trainLoss) {
      XCTAssertEqual(a, b, accuracy: 1e-4 * b)
    }
  }

  /// Starts a run without mpirun and kills it as soon as it has kept its state.
  private func killAfterFirstCheckpoint(_ arguments: [String]) throws {
    let process = Process()
    process.executableURL = ProgramRunner.directory.appendingPathComponent("train-classifier")
    process.arguments = arguments
    try start(process, untilThereIs: file)
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
    XCTAssertEqual(process.terminationReason, .uncaughtSignal)
  }

  func testAKilledRunGoesOnFromItsLastCheckpoint() throws {
    // Enough steps that the kill comes before the last one, in the middle of an epoch.
    let long = run + ["--epochs", "20"]
    let log = folder + "/killed.jsonl"
    let keeping = long + ["--log", log, "--checkpoint", kept, "--checkpoint-every", "7"]
    try killAfterFirstCheckpoint(keeping)
    // What a run that was killed while it wrote would leave.
    try Data("half a file".utf8).write(
      to: URL(fileURLWithPath: kept + "/.checkpoint.safetensors.new"))
    let output = try ClassifierOutput.of(keeping + ["--resume"], ranks: nil)
    let at = try XCTUnwrap(output.resumedAtStep)
    XCTAssertGreaterThanOrEqual(at, 7)
    XCTAssertEqual(at % 7, 0)
    XCTAssertLessThan(at, 600)
    XCTAssertEqual(output.steps, 600)
    let wholeLog = folder + "/whole.jsonl"
    let whole = try ClassifierOutput.of(long + ["--log", wholeLog], ranks: nil)
    XCTAssertEqual(try losses(log), try losses(wholeLog))
    XCTAssertEqual(output.trainLoss, whole.trainLoss)
    XCTAssertEqual(output.weightsChecksum, whole.weightsChecksum)
  }

  private func assertFails(
    _ arguments: [String], _ code: Int32, _ parts: [String], ranks: Int? = 2, line: UInt = #line
  ) throws {
    let outcome = try ProgramRunner().run("train-classifier", arguments, ranks: ranks)
    XCTAssertEqual(outcome.exitCode, code, outcome.errors, line: line)
    XCTAssertEqual(outcome.output, "", line: line)
    let ours = outcome.errorLines(beginningWith: "error: ")
    XCTAssertEqual(ours.count, 1, outcome.errors, line: line)
    for part in parts {
      XCTAssertTrue(ours.first?.contains(part) == true, "\(part) in \(ours)", line: line)
    }
  }

  func testWhatCannotBeGoneOnWith() throws {
    let keeping = run + ["--epochs", "1", "--checkpoint", kept]
    try assertFails(run + ["--resume"], 64, ["--resume", "--checkpoint"])
    try assertFails(run + ["--checkpoint-every", "3"], 64, ["--checkpoint-every", "--checkpoint"])
    try assertFails(keeping + ["--checkpoint-every", "0"], 64, ["--checkpoint-every", "0"])
    try assertFails(keeping + ["--resume"], 65, [file, "a state", "no such file"])
    let own = folder + "/a-file"
    try Data("x".utf8).write(to: URL(fileURLWithPath: own))
    try assertFails(run + ["--checkpoint", own + "/in"], 65, [own + "/in"])
    try assertFails(run + ["--checkpoint", "/nowhere/in"], 65, ["/nowhere/in"])
    try assertFails(run + ["--trace", "/nowhere/t.json"], 65, ["/nowhere/t.json"])

    _ = try ClassifierOutput.of(keeping, ranks: 2)
    let bytes = try Data(contentsOf: URL(fileURLWithPath: file))
    let again = keeping + ["--resume"]
    try assertFails(keeping, 64, [kept, "resume it"])
    try assertFails(again + ["--global-batch-size", "60"], 64, ["60", "50"])
    try assertFails(again + ["--seed", "9"], 64, ["seed is 9", "1"])
    try assertFails(again + ["--optimizer", "sgd"], 64, ["sgd", "adam"])
    try assertFails(again + ["--data-limit", "700"], 64, ["700", "1500"])
    try assertFails(
      again + ["--layers", "64,20,relu,10"], 65, ["\"1.weight\"", "[20, 64]", "[8]", file])
    XCTAssertEqual(try Data(contentsOf: URL(fileURLWithPath: file)), bytes)

    for (name, damaged) in [
      ("truncated", bytes.prefix(bytes.count - 3)), ("foreign", Data("no checkpoint".utf8)),
      (
        "of another kind",
        Data([62, 0, 0, 0, 0, 0, 0, 0])
          + Data(
            "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}      \0\0\0\0".utf8)
      ),
    ] {
      try damaged.write(to: URL(fileURLWithPath: file))
      try assertFails(again, 65, [file])
      XCTAssertEqual(try Data(contentsOf: URL(fileURLWithPath: file)), damaged, name)
    }
  }
}
