import Foundation
import TestSupport
import XCTest

/// What train-classifier says of what cannot be: one line that names it, before any training.
final class ClassifierBadInputTests: ProgramTestCase {
  private func assertFails(
    _ arguments: [String], exitCode: Int32, saying parts: [String],
    ranks: Int? = nil, line: UInt = #line
  ) throws {
    let outcome = try ProgramRunner().run("train-classifier", arguments, ranks: ranks)
    XCTAssertEqual(outcome.exitCode, exitCode, outcome.errors, line: line)
    XCTAssertEqual(outcome.output, "", line: line)
    let ours = outcome.errorLines(beginningWith: "error: ")
    XCTAssertEqual(ours.count, 1, outcome.errors, line: line)
    for part in parts {
      XCTAssertTrue(ours.first?.contains(part) == true, "\(part) in \(ours)", line: line)
    }
    XCTAssertEqual(outcome.leftBehind, [], line: line)
  }

  func testWrongUsage() throws {
    let cases: [(arguments: [String], parts: [String])] = [
      (["--strategy", "lbfgs"], ["--strategy lbfgs", "not available yet"]),
      (["--strategy", "model", "--transition", "a"], ["--transition a", "model"]),
      (["--grid", "2x2"], ["--grid 2x2", "data"]), (["--grid", "2"], ["--grid"]),
      (["--strategy", "hybrid", "--transition", "a", "--variable-batch"], ["--variable-batch"]),
      (
        ["--strategy", "hybrid", "--variable-batch", "--accumulate", "2"],
        ["--variable-batch", "--accumulate 2"]
      ),
      (["--plan", "x.json", "--update", "shared"], ["--plan x.json", "--update"]),
      (["--plan", "x.json", "--no-overlap"], ["--plan x.json", "--no-overlap"]),
      (["--strategy", "auto", "--exchange-every", "8"], ["auto", "--exchange-every"]),
      (["--strategy", "hybrid", "--reproducible", "2"], ["--reproducible", "hybrid"]),
      (["--update", "shared", "--compress", "topK:0.1"], ["--update shared", "topK:0.1"]),
      (["--update", "sharded", "--compress", "bfloat16"], ["--update sharded", "bfloat16"]),
      (["--update", "shared", "--wire-format", "bfloat16"], ["--wire-format bfloat16"]),
      (["--reproducible", "6"], ["--reproducible", "power of two", "6"]),
      (["--reproducible", "4", "--compress", "powerSGD:2"], ["--reproducible 4", "powerSGD:2"]),
      (["--reproducible", "4", "--accumulate", "2"], ["--reproducible 4", "--accumulate 2"]),
      (
        ["--reproducible", "4", "--clip", "1", "--update", "shared"],
        ["--reproducible 4", "--update replicated"]
      ),
      (["--model", "mlp", "--layers", "64,10"], ["--model", "--layers"]),
      (
        ["--batch-size", "1", "--global-batch-size", "2"], ["--batch-size", "--global-batch-size"]
      ),
      (["--layers", "784,rellu,10"], ["Word 2", "rellu"]),
      (["--algorithm", "native", "--wire-format", "bfloat16"], ["native", "bfloat16"]),
      (["--algorithm", "native", "--compress", "float16"], ["native", "float16"]),
      (["--compress", "topK:0.1", "--wire-format", "bfloat16"], ["topK:0.1", "bfloat16"]),
      (["--compress", "topK:0"], ["above 0 and at most 1", "not 0"]),
      (["--compress", "topK:1.5"], ["above 0 and at most 1", "not 1.5"]),
      (["--compress", "topK"], ["topK:0.01", "not nothing"]),
      (["--compress", "powerSGD:0"], ["1 to 64", "not 0"]),
      (["--compress", "powerSGD:65"], ["1 to 64", "not 65"]),
      (["--compress", "gzip"], ["powerSGD:RANK", "not gzip"]),
      (["--epochs", "0"], ["--epochs", "0"]), (["--momentum", "1"], ["--momentum", "1"]),
      (["--label-smoothing", "1"], ["--label-smoothing"]), (["--clip", "0"], ["--clip"]),
      (["--learning-rate", "0"], ["--learning-rate"]), (["--optimizer", "magic"], ["magic"]),
    ]
    for (arguments, parts) in cases {
      try assertFails(arguments, exitCode: 64, saying: parts)
    }
    try assertFails(
      cases[0].arguments, exitCode: 64, saying: ["lbfgs"], ranks: 3)
  }

  func testWhatDoesNotFitTheData() throws {
    let cases: [(arguments: [String], ranks: Int?, parts: [String])] = [
      (
        ["--batch-size", "800"], 2,
        ["1600 examples", "1600 examples", "only 1500"]
      ),
      (["--global-batch-size", "1501"], 3, ["1501", "1500", "smaller batch"]),
      (["--global-batch-size", "10", "--accumulate", "3"], nil, ["10 examples", "3 equal parts"]),
      (["--layers", "784,10"], nil, ["[784]", "[8, 8, 1]", "64"]),
      (["--layers", "8x8x3,conv:2x3,10"], nil, ["[8, 8, 3]", "[8, 8, 1]"]),
      (["--layers", "64,9"], nil, ["[9]", "10 classes"]),
      (["--layers", "64,32,conv:4x3,10"], 2, ["Word 3", "[32]"]),
      (["--layers", "8x8x1,pool:9,10"], nil, ["Word 2", "9x9", "[8, 8, 1]"]),
      (["--strategy", "model", "--grid", "2x2"], 3, ["2 x 2", "4 ranks", "3"]),
      (
        ["--strategy", "model", "--layers", "64,3,relu,10", "--batch-size", "8"], 4,
        ["3 outputs", "4 ranks"]
      ),
      (["--log", "/nowhere/x.jsonl"], 2, ["log /nowhere/x.jsonl"]),
      (["--update", "shared", "--algorithm", "ring"], 2, ["update shared", "not by ring"]),
      (["--reproducible", "4"], 3, ["power of two that 3 ranks divide, not 4", "3 ranks"]),
      (
        ["--layers", "64,8,batchnorm,10", "--reproducible", "2"], 2,
        ["irtual shards", "batchnorm"]
      ),
    ]
    for (arguments, ranks, parts) in cases {
      try assertFails(
        ["--data", "digits"] + arguments, exitCode: 64, saying: parts,
        ranks: ranks)
    }
  }

  func testBadData() throws {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("allreduce-idx-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    for name in ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"] {
      try Data("no IDX at all".utf8).write(to: folder.appendingPathComponent(name))
    }
    try assertFails(
      ["--data", folder.path], exitCode: 65, saying: ["train-images-idx3-ubyte"], ranks: 2)
    try assertFails(
      ["--data", "/nowhere"], exitCode: 65, saying: ["/nowhere"], ranks: 2)
  }

  func testADivergingRateSaysSo() throws {
    try assertFails(
      [
        "--data", "digits", "--layers", "64,32,relu,10", "--optimizer", "sgd", "--learning-rate",
        "1e30", "--epochs", "1",
      ], exitCode: 65, saying: ["diverges", "1e+30"], ranks: 2)
  }

  func testHelpIsPrintedOnce() throws {
    let outcome = try ProgramRunner().run("train-classifier", ["--help"], ranks: 3)
    XCTAssertEqual(outcome.exitCode, 0)
    XCTAssertEqual(outcome.output.components(separatedBy: "USAGE:").count, 2)
    XCTAssertEqual(outcome.errors, "")
  }
}
