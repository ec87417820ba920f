import Foundation
import TestSupport
import XCTest

/// Runs that find their state damaged, held by another job, or of a run with other options.
final class StateRunTests: KeptRunTestCase {
  private var kept: String { folder + "/kept" }
  private var newest: String { kept + "/checkpoint.safetensors" }
  private var before: String { kept + "/checkpoint.1.safetensors" }

  private let run = [
    "--data", "digits", "--data-limit", "128", "--layers", "64,12,relu,10", "--global-batch-size",
    "32", "--format", "json",
  ]
  private var keeping: [String] { run + ["--checkpoint", kept] }

  private func outcome(_ arguments: [String], ranks: Int? = 2) throws -> ProgramRunner.Outcome {
    try ProgramRunner().run("train-classifier", arguments, ranks: ranks)
  }

  private func assertFails(
    _ arguments: [String], _ code: Int32, _ parts: [String], ranks: Int? = 2, line: UInt = #line
  ) throws {
    let outcome = try outcome(arguments, ranks: ranks)
    XCTAssertEqual(outcome.exitCode, code, outcome.errors, line: line)
    let ours =
      outcome.errorLines(beginningWith: "error: ") + outcome.errorLines(beginningWith: "Error: ")
    XCTAssertEqual(ours.count, 1, outcome.errors, line: line)
    for part in parts {
      XCTAssertTrue(ours.first?.contains(part) == true, "\(part) in \(ours)", line: line)
    }
  }

  private func flip(_ path: String) throws {
    var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    bytes[bytes.count - 100] ^= 0x10
    try bytes.write(to: URL(fileURLWithPath: path))
  }

  func testADamagedStateGivesWayToTheOneBefore() throws {
    let whole = try ClassifierOutput.of(run + ["--epochs", "3"], ranks: 2)
    _ = try ClassifierOutput.of(keeping + ["--epochs", "2"], ranks: 2)
    try flip(newest)
    let again = keeping + ["--epochs", "3", "--resume"]
    let resumed = try outcome(again)
    XCTAssertEqual(resumed.exitCode, 0, resumed.errors)
    let output = try JSONDecoder.ofPrograms.decode(
      ClassifierOutput.self, from: Data(resumed.output.utf8))
    XCTAssertEqual(output.resumedAtStep, 4)
    XCTAssertEqual(output.weightsChecksum, whole.weightsChecksum)
    let words = resumed.errorLines(beginningWith: "warning: ")
    XCTAssertEqual(words.count, 1, resumed.errors)
    for part in [newest, "checksum", before] {
      XCTAssertTrue(words.first?.contains(part) == true, "\(part) in \(words)")
    }
    // The damaged one is not kept in the place of the one that was taken.
    let files = try FileManager.default.contentsOfDirectory(atPath: kept)
    XCTAssertTrue(files.contains("damaged.safetensors"), "\(files)")
    try flip(newest)
    XCTAssertEqual(try ClassifierOutput.of(again, ranks: 3).resumedAtStep, 8)
    for path in [newest, before] { try flip(path) }
    try assertFails(again, 65, [newest, "checksum", "damaged"])
  }

  func testStatesOfVersion1SayThatTheyHaveNoChecksums() throws {
    let state = KeptState.all[0]
    try FileManager.default.createDirectory(atPath: kept, withIntermediateDirectories: false)
    let text = try Data(contentsOf: URL(fileURLWithPath: state.path))
    let arguments =
      KeptState.allOptions + state.options
      + ["--epochs", "2", "--resume", "--checkpoint", kept, "--format", "json"]
    try text.write(to: URL(fileURLWithPath: newest))
    let resumed = try outcome(arguments)
    XCTAssertEqual(resumed.exitCode, 0, resumed.errors)
    XCTAssertEqual(
      resumed.errorLines(beginningWith: "warning: ").filter { $0.contains("no checksums") }.count,
      1,
      resumed.errors)

    // Its fields have bounds all the same.
    for field in [
      "steps", "epoch", "steps_of_epoch", "examples", "global_batch_size",
    ] {
      try rewritten(text, field).write(to: URL(fileURLWithPath: newest))
      try? FileManager.default.removeItem(atPath: before)
      try assertFails(arguments, 65, [newest, field])
    }
  }

  /// A file with a number near the largest in the place of a field's.
  private func rewritten(_ file: Data, _ field: String) -> Data {
    let size = file.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    var header = String(decoding: file[8..<8 + size], as: UTF8.self)
    let key = header.range(of: "\\\"\(field)\\\": ")!
    let digits = header[key.upperBound...].drop { !$0.isNumber }.prefix { $0.isNumber }
    header.replaceSubrange(digits.startIndex..<digits.endIndex, with: "9223372036854775807")
    header += String(repeating: " ", count: -header.utf8.count & 7)
    return Data((0..<8).map { UInt8(truncatingIfNeeded: header.utf8.count >> (8 * $0)) })
      + Data(header.utf8) + file[(8 + size)...]
  }

  func testASecondJobIsToldWhoHoldsTheFolder() throws {
    let process = Process()
    process.executableURL = ProgramRunner.directory.appendingPathComponent("train-classifier")
    process.arguments = keeping + ["--epochs", "100000", "--checkpoint-every", "4"]
    try start(process, untilThereIs: newest)
    defer {
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
    }
    for more in [[], ["--resume"]] {
      try assertFails(
        keeping + ["--epochs", "1"] + more, 65, [kept, "process \(process.processIdentifier) on "])
    }
    // The lock ends with its process.
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
    let output = try outcome(keeping + ["--epochs", "1", "--resume"])
    XCTAssertEqual(output.exitCode, 0, output.errors)
  }

  func testOptionsThatAreGivenAreObeyedOrRefused() throws {
    _ = try ClassifierOutput.of(
      keeping + [
        "--epochs", "1", "--learning-rate", "0.02", "--schedule", "cosine", "--warm-up", "2",
      ],
      ranks: 2)
    let again = keeping + ["--epochs", "2", "--resume"]
    for (option, value, parts) in [
      ("--learning-rate", "0.01", ["--learning-rate is 0.01", "0.02"]),
      ("--schedule", "constant", ["--schedule is constant", "cosine"]),
      ("--warm-up", "0", ["--warm-up is 0", "2"]),
      ("--clip", "1", ["clip 1.0", "momentum 0.9"]),
      ("--momentum", "0.8", ["momentum 0.8", "momentum 0.9"]),
      ("--label-smoothing", "0.1", ["label smoothing 0.1", "momentum 0.9"]),
      ("--seed", "2", ["seed is 2", "1"]),
    ] {
      try assertFails(again + [option, value], 64, parts)
    }
    let layers = again.map { $0 == "64,12,relu,10" ? "64,12,tanh,10" : $0 }
    try assertFails(layers, 64, ["Tanh", "ReLU"])
    let batch = again.filter { !["--global-batch-size", "32"].contains($0) }
    try assertFails(batch + ["--batch-size", "32"], 64, ["64", "32"])
    // The same, or what is not said, goes on.
    for options in [batch, batch + ["--batch-size", "16"], again + ["--learning-rate", "0.02"]] {
      let output = try outcome(options + ["--epochs", "1"])
      XCTAssertEqual(output.exitCode, 0, output.errors)
    }
  }

  func testThePlanOfTheStateHoldsWhereNoOptionSaysOtherwise() throws {
    let model = ["--strategy", "model"]
    let whole = try ClassifierOutput.of(run + model + ["--epochs", "2"], ranks: 2)
    _ = try ClassifierOutput.of(keeping + model + ["--epochs", "1"], ranks: 2)
    let again = keeping + ["--epochs", "2", "--resume"]
    let copy = try Data(contentsOf: URL(fileURLWithPath: newest))
    let same = try ClassifierOutput.of(again, ranks: 2)
    XCTAssertEqual(same.strategy, "plan")
    XCTAssertEqual(same.parametersPerRank, whole.parametersPerRank)
    XCTAssertEqual(same.weightsChecksum, whole.weightsChecksum)
    for (options, ranks, words) in [
      (["--strategy", "data"], 2, nil), ([], 3, "for 2 ranks, not 3: the plan is data"),
    ] as [([String], Int, String?)] {
      try copy.write(to: URL(fileURLWithPath: newest))
      let outcome = try outcome(again + options, ranks: ranks)
      XCTAssertEqual(outcome.exitCode, 0, outcome.errors)
      let output = try JSONDecoder.ofPrograms.decode(
        ClassifierOutput.self, from: Data(outcome.output.utf8))
      XCTAssertEqual(output.strategy, "data")
      XCTAssertEqual(output.trainLoss[1], whole.trainLoss[1], accuracy: 1e-4 * whole.trainLoss[1])
      if let words { XCTAssertTrue(outcome.errors.contains(words), outcome.errors) }
    }
  }

  func testMeetingsAndCompressionOfTheStateHold() throws {
    _ = try ClassifierOutput.of(
      keeping + ["--epochs", "1", "--exchange-every", "4", "--wire-format", "bfloat16"], ranks: 2)
    let again = keeping + ["--resume", "--epochs"]
    let same = try ClassifierOutput.of(again + ["2"], ranks: 2)
    XCTAssertEqual(same.exchangeEvery, 4)
    XCTAssertEqual(same.compression, "bfloat16")
    let other = try ClassifierOutput.of(
      again + ["3", "--meet", "everyStep", "--wire-format", "full"], ranks: 2)
    XCTAssertNil(other.exchangeEvery)
    XCTAssertEqual(other.compression, "none")
    _ = try ClassifierOutput.of(again + ["4", "--wire-format", "bfloat16"], ranks: 2)
    try assertFails(
      again + ["5", "--algorithm", "native"], 64, ["bfloat16", "--algorithm native"])
  }

  func testHowManyStatesAreKept() throws {
    _ = try ClassifierOutput.of(
      keeping + ["--epochs", "4", "--checkpoint-keep", "3"], ranks: 2)
    let files = try FileManager.default.contentsOfDirectory(atPath: kept)
    XCTAssertEqual(files.filter { $0.hasPrefix("checkpoint.") }.count, 3, "\(files)")
    try assertFails(keeping + ["--checkpoint-keep", "0"], 64, ["--checkpoint-keep", "0"])
    try assertFails(run + ["--checkpoint-keep", "3"], 64, ["--checkpoint-keep", "--checkpoint"])
  }
}
