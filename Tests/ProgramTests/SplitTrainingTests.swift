import Foundation
import TestSupport
import XCTest

/// train-classifier with divided weights, and split-weights.
final class SplitTrainingTests: ProgramTestCase {
  private static let run = [
    "--data", "digits", "--optimizer", "sgd", "--learning-rate", "0.1", "--epochs", "2", "--steps",
    "25", "--global-batch-size", "48",
  ]
  private static let dense = ["--layers", "64,50,relu,dropout:0.25,33,tanh,10"]
  private static let images = [
    "--layers", "8x8x1,conv:8x3,batchnorm,relu,pool:2,dropout:0.25,32,relu,dropout:0.2,10",
  ]

  private func losses(_ arguments: [String], ranks: Int) throws -> (ClassifierOutput, [Double]) {
    let log = FileManager.default.temporaryDirectory
      .appendingPathComponent("metrics-\(UUID().uuidString).jsonl").path
    defer { try? FileManager.default.removeItem(atPath: log) }
    let output = try ClassifierOutput.of(
      SplitTrainingTests.run + arguments + ["--log", log], ranks: ranks)
    return (output, try MetricsLine.all(in: log).compactMap(\.loss))
  }

  private func assertSameCurve(
    _ arguments: [String], ranks: Int, as reference: (ClassifierOutput, [Double]),
    line: UInt = #line
  ) throws {
    let what = "\(arguments.joined(separator: " ")) on \(ranks) ranks"
    let (output, curve) = try losses(arguments, ranks: ranks)
    XCTAssertEqual(curve.count, 50, what, line: line)
    for (step, (a, b)) in zip(curve, reference.1).enumerated() {
      XCTAssertLessThanOrEqual(abs(a - b), 1e-4 * abs(b), "\(what), step \(step)", line: line)
    }
    XCTAssertEqual(
      output.testAccuracy[1], reference.0.testAccuracy[1], accuracy: 0.01, what, line: line)
    XCTAssertEqual(output.parameters, reference.0.parameters, what, line: line)
  }

  func testCurvesDoNotDependOnHowWeightsAreDivided() throws {
    let dense = try losses(SplitTrainingTests.dense, ranks: 1)
    for ranks in [1, 2, 3, 5] {
      try assertSameCurve(
        SplitTrainingTests.dense + ["--strategy", "model"], ranks: ranks, as: dense)
    }
    try assertSameCurve(
      SplitTrainingTests.dense + ["--strategy", "model", "--grid", "2x2"], ranks: 4, as: dense)
    let images = try losses(SplitTrainingTests.images, ranks: 1)
    for transition in ["a", "b", "c"] {
      let hybrid = ["--strategy", "hybrid", "--transition", transition]
      for ranks in [2, 3] {
        try assertSameCurve(SplitTrainingTests.images + hybrid, ranks: ranks, as: images)
      }
      try assertSameCurve(
        SplitTrainingTests.images + hybrid + ["--grid", "2x2"], ranks: 4, as: images)
    }
  }

  func testClippingAndEveryOptimizerCountParametersOnce() throws {
    for rule in [
      ["--optimizer", "lars", "--learning-rate", "3"], ["--clip", "0.5"],
      ["--optimizer", "nesterov", "--weight-decay", "0.01", "--learning-rate", "0.05"],
    ] {
      let reference = try losses(SplitTrainingTests.dense + rule, ranks: 1)
      try assertSameCurve(
        SplitTrainingTests.dense + rule + ["--strategy", "model"], ranks: 3, as: reference)
    }
  }

  func testVariableBatchLearns() throws {
    for transition in ["b", "c"] {
      let output = try ClassifierOutput.of(
        SplitTrainingTests.run + SplitTrainingTests.images
          + [
            "--strategy", "hybrid", "--transition", transition, "--variable-batch", "--epochs", "8",
          ],
        ranks: 2)
      XCTAssertGreaterThan(output.testAccuracy[7], 0.85, transition)
    }
  }

  func testJSONTellsWhatIsHeldAndWhatCrosses() throws {
    let output = try ClassifierOutput.of(
      SplitTrainingTests.run + ["--strategy", "hybrid", "--transition", "a"]
        + ["--layers", "8x8x1,conv:4x3,relu,pool:2,32,relu,10"], ranks: 2)
    XCTAssertEqual(output.strategy, "hybrid")
    let (conv, dense) = (4 * 9 + 4, (64 * 32 + 32) + (32 * 10 + 10))
    XCTAssertEqual(output.parameters, conv + dense)
    // Half of each weight and of the first bias, all of the second and of the convolution.
    XCTAssertEqual(
      output.parametersPerRank, [Int](repeating: conv + (64 * 32 + 32 + 320) / 2 + 10, count: 2))
    let crossing = output.exchanges.filter { $0.kind.hasPrefix("all-gather") }
    XCTAssertEqual(crossing.map(\.bytes), [24 * 64 * 4])
    XCTAssertEqual(
      output.exchanges.filter { $0.kind == "reduce-scatter backward" }.map(\.bytes), [24 * 64 * 4])
    XCTAssertGreaterThan(output.computeSeconds, 0)
    XCTAssertLessThanOrEqual(
      output.waitSeconds + output.hiddenSeconds, output.exchangeSeconds + 1e-9)
  }

  func testSplitWeightsPrintsTheSameLossOnAnyNumberOfRanks() throws {
    var lines: Set<String> = []
    for ranks in [1, 3, 4] {
      let outcome = try ProgramRunner().run("split-weights", [], ranks: ranks)
      XCTAssertEqual(outcome.exitCode, 0, outcome.errors)
      XCTAssertTrue(outcome.output.contains("rank \(ranks - 1): hidden units"), outcome.output)
      lines.insert(outcome.output.split(separator: "\n").last.map(String.init) ?? "")
    }
    XCTAssertEqual(lines.count, 1, "\(lines)")
    XCTAssertTrue(lines.first?.contains("50 of 50 right") == true, "\(lines)")
  }
}
