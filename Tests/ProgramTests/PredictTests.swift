import AllReduceNN
import Foundation
import TestSupport
import XCTest

/// Own data, the best state, and predictions from it, end to end.
final class PredictTests: KeptRunTestCase {
  private static let data = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("data").path

  private func train(_ arguments: [String], ranks: Int, _ folder: String) throws -> ClassifierOutput
  {
    try ClassifierOutput.of(arguments + ["--checkpoint", folder, "--keep-best"], ranks: ranks)
  }

  private func predict(_ arguments: [String], ranks: Int?) throws -> String {
    let outcome = try ProgramRunner().run("predict", arguments, ranks: ranks)
    XCTAssertEqual(outcome.exitCode, 0, outcome.errors)
    return outcome.output.replacingOccurrences(of: "\r\n", with: "\n")
  }

  func testATableIsLearnedAndPredictedOnAnyNumberOfRanks() throws {
    let table = "\(PredictTests.data)/breast_cancer.csv"
    // Words in the place of 0 and 1.
    let lines = try String(contentsOfFile: table, encoding: .utf8).split(separator: "\n")
    let named = "\(folder)/named.csv"
    let words = lines.enumerated().map { number, line -> String in
      guard number > 0, let comma = line.lastIndex(of: ",") else { return String(line) }
      return line[...comma] + (line.hasSuffix("1") ? "good" : "bad")
    }
    try words.joined(separator: "\n").write(toFile: named, atomically: true, encoding: .utf8)
    let output = try train(
      [
        "--data", named, "--target", "benign", "--layers", "30,16,relu,2", "--epochs", "40",
        "--patience", "3", "--global-batch-size", "32", "--strategy", "model",
      ], ranks: 2, "\(folder)/state")
    XCTAssertLessThan(output.testAccuracy.count, 40)
    let best = try XCTUnwrap(output.testAccuracy.max())
    XCTAssertGreaterThan(best, 0.95)
    let state = ["--state", "\(folder)/state", "--data", named]
    let reference = try predict(state, ranks: nil)
    let rows = reference.split(separator: "\n").map { $0.split(separator: ",") }
    XCTAssertEqual(rows[0], ["prediction", "probability"])
    XCTAssertEqual(rows.count, lines.count)
    let right = zip(rows, words).dropFirst().count { $1.hasSuffix("," + $0[0]) }
    XCTAssertGreaterThan(Double(right) / 569, 0.95)
    // Batches of a different size are multiplied in a different order.
    let others = try predict(state + ["--batch-size", "7"], ranks: 3).split(separator: "\n")
    XCTAssertEqual(others.count, rows.count)
    for (other, row) in zip(others, rows).dropFirst() {
      let fields = other.split(separator: ",")
      XCTAssertEqual(fields[0], row[0])
      XCTAssertEqual(Double(fields[1])!, Double(row[1])!, accuracy: 1e-5)
    }
    // A column in another place, and a pipe.
    let json = "\(folder)/predictions.json"
    _ = try predict(state + ["--output", json, "--probabilities"], ranks: 2)
    let list = try JSONSerialization.jsonObject(
      with: Data(contentsOf: URL(fileURLWithPath: json)))
    let objects = try XCTUnwrap(list as? [[String: Any]])
    XCTAssertEqual(objects.count, 569)
    XCTAssertEqual(
      objects.map { $0["prediction"] as? String }, rows.dropFirst().map { String($0[0]) })
    let sums = objects[5]["probabilities"] as? [String: Double]
    XCTAssertEqual(try XCTUnwrap(sums).values.reduce(0, +), 1, accuracy: 1e-6)
    XCTAssertEqual(Set(try XCTUnwrap(sums).keys), ["bad", "good"])
    // What the network does not take is refused in one sentence.
    let wrong = try ProgramRunner().run(
      "predict", ["--state", "\(folder)/state", "--data", "\(PredictTests.data)/diabetes.csv"])
    XCTAssertEqual(wrong.exitCode, 65)
    XCTAssertEqual(wrong.errorLines(beginningWith: "error: ").count, 1, wrong.errors)
  }

  func testRowsOfNumPyArePredictedAsThoseOfATable() throws {
    let names = (1...4).map { "x\($0)" }
    let rows = (0..<90).map { row in (0..<4).map { Float(row * ($0 + 3) % 17) / 4 } }
    let table = "\(folder)/table.csv"
    try
      ([(names + ["kind"]).joined(separator: ",")]
      + rows.enumerated().map { number, row in
        (row.map { "\($0)" } + ["\(number % 3)"]).joined(separator: ",")
      }).joined(separator: "\n").write(toFile: table, atomically: true, encoding: .utf8)
    _ = try train(
      [
        "--data", table, "--target", "kind", "--layers", "4,8,relu,3", "--epochs", "2",
        "--global-batch-size", "16",
      ], ranks: 1, "\(folder)/state")
    func write(_ elements: [Float]) throws -> String {
      let path = "\(folder)/rows.npy"
      try NPYArray(sizes: [rows.count, 4], elements: elements).write(npy: path)
      return path
    }
    let all = rows.flatMap { $0 }
    let array = try write(all)
    let state = ["--state", "\(folder)/state", "--batch-size", "7"]
    let reference = try predict(state + ["--data", table], ranks: nil)
    XCTAssertEqual(reference.split(separator: "\n").count, 91)
    XCTAssertEqual(try predict(state + ["--data", array], ranks: nil), reference)
    let ofThree = try predict(state + ["--data", array], ranks: 3)
    XCTAssertEqual(try predict(state + ["--data", table], ranks: 3), ofThree)
    // A bad last row is found late: the file stays as it was.
    _ = try write(all.dropLast() + [.nan])
    let output = "\(folder)/predictions.csv"
    try "as before".write(toFile: output, atomically: true, encoding: .utf8)
    for ranks in [1, 2] {
      let wrong = try ProgramRunner().run(
        "predict", state + ["--data", array, "--output", output], ranks: ranks)
      XCTAssertEqual(wrong.exitCode, 65)
      XCTAssertEqual(wrong.errorLines(beginningWith: "error: ").count, 1, wrong.errors)
      XCTAssertTrue(wrong.errors.contains("nan in row 89, column 3"), wrong.errors)
      XCTAssertEqual(try String(contentsOfFile: output, encoding: .utf8), "as before")
    }
  }

  func testNumbersArePredictedInTheirOwnUnits() throws {
    let table = "\(PredictTests.data)/diabetes.csv"
    let arguments = [
      "--data", table, "--target", "progression", "--loss", "meanSquaredError", "--layers",
      "10,16,tanh,1", "--learning-rate", "0.02", "--epochs", "20", "--global-batch-size", "32",
    ]
    let output = try NumbersOutput.of(
      arguments + ["--checkpoint", "\(folder)/state", "--keep-best"], ranks: 2)
    XCTAssertNil(output.testAccuracy)
    XCTAssertEqual(output.testLoss.count, 20)
    // A loss of 1 is what the mean has.
    XCTAssertLessThan(output.trainLoss.last!, 0.55)
    let text = try predict(["--state", "\(folder)/state", "--data", table], ranks: 2)
    let found = text.split(separator: "\n").dropFirst().compactMap { Double($0) }
    let lines = try String(contentsOfFile: table, encoding: .utf8).split(separator: "\n")
    let names = lines[0].split(separator: ",")
    let column = try XCTUnwrap(names.firstIndex(of: "progression"))
    let wanted = lines.dropFirst().map { Double($0.split(separator: ",")[column])! }
    XCTAssertEqual(found.count, wanted.count)
    let mean = wanted.reduce(0, +) / Double(wanted.count)
    let all = wanted.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    let left = zip(found, wanted).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    XCTAssertGreaterThan(1 - left / all, 0.45)
    // The curve does not depend on the number of ranks.
    let one = try NumbersOutput.of(arguments, ranks: 1)
    for (a, b) in zip(one.trainLoss, output.trainLoss) { XCTAssertEqual(a, b, accuracy: 1e-4 * b) }
  }

  func testWeightsGoOutAndComeInAgain() throws {
    let layers = "8x8x1,conv:6x3,batchnorm,relu,pool:2,conv:5x3,relu,20,relu,10"
    let digits = ["--data", "digits", "--layers", layers, "--global-batch-size", "50"]
    let first = try train(
      digits + ["--epochs", "2"], ranks: 2, "\(folder)/state")
    let weights = "\(folder)/weights.safetensors"
    let export = try ProgramRunner().run(
      "export-weights", ["--state", "\(folder)/state", "--output", weights])
    XCTAssertEqual(export.exitCode, 0, export.errors)
    // A step too small to move a weight: the accuracy stays.
    for strategy in ["data", "hybrid"] {
      let second = try ClassifierOutput.of(
        digits + [
          "--weights", weights, "--epochs", "1", "--steps", "1", "--learning-rate", "1e-30",
          "--strategy", strategy,
        ], ranks: 2)
      XCTAssertEqual(second.testAccuracy[0], first.testAccuracy.max()!, accuracy: 0.02, strategy)
    }
    let other = try ProgramRunner().run(
      "train-classifier",
      digits.map { $0 == layers ? layers.replacingOccurrences(of: "20,", with: "21,") : $0 }
        + ["--weights", weights], ranks: 2)
    XCTAssertEqual(other.exitCode, 65)
    XCTAssertEqual(other.errorLines(beginningWith: "error: ").count, 1, other.errors)
  }
}

/// The json of a training that predicts numbers.
private struct NumbersOutput: ProgramOutput {
  static var program: String { "train-classifier" }

  let trainLoss: [Double]
  let testLoss: [Double]
  let testAccuracy: [Double]?
}
