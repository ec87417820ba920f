import Foundation
import TestSupport
import XCTest

final class TrainClassifierTests: ProgramTestCase {
  /// A small network in which every layer is that could depend on who has which example.
  private static let digits = [
    "--data", "digits", "--layers", "8x8x1,conv:8x3,batchnorm,relu,pool:2,dropout:0.25,32,relu,10",
    "--optimizer", "sgd", "--learning-rate", "0.1", "--global-batch-size", "50",
  ]

  /// The losses of the steps of a run.
  private func losses(_ arguments: [String], ranks: Int) throws -> (ClassifierOutput, [Double]) {
    let log = FileManager.default.temporaryDirectory
      .appendingPathComponent("metrics-\(UUID().uuidString).jsonl").path
    defer { try? FileManager.default.removeItem(atPath: log) }
    let output = try ClassifierOutput.of(arguments + ["--log", log], ranks: ranks)
    return (output, try MetricsLine.all(in: log).compactMap(\.loss))
  }

  func testLossCurvesDoNotDependOnRanksOrAlgorithm() throws {
    let run = TrainClassifierTests.digits + ["--epochs", "4", "--steps", "25"]
    let (first, reference) = try losses(run, ranks: 1)
    XCTAssertEqual(reference.count, 100)
    XCTAssertLessThan(first.trainLoss[3], 0.5 * first.trainLoss[0])
    for ranks in 2...4 {
      for algorithm in ["ring", "tree", "automatic"] {
        let what = "\(algorithm) on \(ranks) ranks"
        let (output, curve) = try losses(run + ["--algorithm", algorithm], ranks: ranks)
        XCTAssertEqual(output.steps, 100, what)
        XCTAssertEqual(curve.count, reference.count, what)
        for (step, (a, b)) in zip(curve, reference).enumerated() {
          XCTAssertLessThanOrEqual(abs(a - b), 1e-4 * abs(b), "\(what), step \(step)")
        }
        XCTAssertEqual(output.testAccuracy[3], first.testAccuracy[3], accuracy: 0.005, what)
      }
    }
  }

  func testLossCurvesDoNotDependOnWhoUpdates() throws {
    let run = TrainClassifierTests.digits + ["--epochs", "2", "--steps", "25"]
    let (_, reference) = try losses(run + ["--update", "replicated"], ranks: 1)
    XCTAssertEqual(reference.count, 50)
    // Each update with and without overlap; UpdateModeTests have all of them on 1 to 5 ranks.
    for ranks in 1...4 {
      for (number, update) in ["replicated", "sharded", "shared"].enumerated() {
        let overlap = (ranks + number) % 2 == 0 ? "--overlap" : "--no-overlap"
        let what = "\(update) on \(ranks) ranks, \(overlap)"
        let (output, curve) = try losses(run + ["--update", update, overlap], ranks: ranks)
        XCTAssertEqual(output.update, update, what)
        XCTAssertEqual(curve.count, reference.count, what)
        for (step, (a, b)) in zip(curve, reference).enumerated() {
          XCTAssertLessThanOrEqual(abs(a - b), 1e-4 * abs(b), "\(what), step \(step)")
        }
      }
    }
  }

  func testReproducibleWeightsAreTheSameOnAnyNumberOfRanks() throws {
    let run = [
      "--data", "digits", "--layers", "8x8x1,conv:8x3,relu,pool:2,dropout:0.25,32,relu,10",
      "--global-batch-size", "50", "--epochs", "2", "--reproducible", "8",
    ]
    for arguments in [[], ["--update", "shared"], ["--clip", "0.5", "--optimizer", "adam"]] {
      let outputs = try [1, 2, 4, 8].map { try ClassifierOutput.of(run + arguments, ranks: $0) }
      XCTAssertEqual(Set(outputs.map(\.weightsChecksum)).count, 1, "\(arguments)")
      XCTAssertGreaterThan(outputs[0].testAccuracy[1], 0.5)
    }
  }

  func testOneHostSharesItsWeights() throws {
    // Weights much larger than the libraries, whose pages count less while other programs run.
    let run = [
      "--data", "digits", "--layers", "64,4096,relu,4096,relu,10", "--epochs", "1",
      "--steps", "3", "--batch-size", "8",
    ]
    let shared = try ClassifierOutput.of(run, ranks: 3)
    XCTAssertEqual(shared.update, "shared")
    XCTAssertEqual(shared.algorithm, "sharedMemory")
    // Each rank reads the two other ranks' gradients of a third of the parameters.
    let moved = try XCTUnwrap(shared.memoryBytesExchanged).reduce(0, +)
    let least = 2 * shared.parameters * 4 * shared.steps
    XCTAssertGreaterThanOrEqual(moved, least)
    XCTAssertLessThanOrEqual(Double(moved), 1.01 * Double(least))
    guard let memory = shared.proportionalBytes else { return }
    let copies = try ClassifierOutput.of(run + ["--update", "replicated"], ranks: 3)
    XCTAssertEqual(copies.update, "replicated")
    // Weights and momentum: once, not three times.
    let saved = try XCTUnwrap(copies.proportionalBytes).reduce(0, +) - memory.reduce(0, +)
    XCTAssertGreaterThan(Double(saved), 0.9 * Double(2 * 2 * shared.parameters * 4))
    let sharded = try ClassifierOutput.of(run + ["--update", "sharded"], ranks: 3)
    XCTAssertEqual(sharded.update, "sharded")
    let state = try XCTUnwrap(sharded.proportionalBytes).reduce(0, +)
    XCTAssertGreaterThan(
      Double(try XCTUnwrap(copies.proportionalBytes).reduce(0, +) - state),
      0.9 * Double(2 * shared.parameters * 4))
  }

  func testWhatOnlyCopiesCanDoIsDoneWithCopies() throws {
    let run = [
      "--data", "digits", "--layers", "64,16,relu,10", "--epochs", "1", "--steps", "2",
      "--batch-size", "8",
    ]
    for arguments in [
      ["--compress", "topK:0.01"], ["--wire-format", "bfloat16"], ["--algorithm", "ring"],
      ["--reproducible", "2", "--clip", "1"],
    ] {
      let output = try ClassifierOutput.of(run + arguments, ranks: 2)
      XCTAssertEqual(output.update, "replicated", "\(arguments)")
    }
    let output = try ClassifierOutput.of(run + ["--reproducible", "2"], ranks: 2)
    XCTAssertEqual(output.update, "shared")
  }

  func testEveryCompressionLearns() throws {
    let run = [
      "--data", "digits", "--layers", "64,128,relu,10", "--batch-size", "20", "--epochs", "12",
    ]
    let whole = try ClassifierOutput.of(run, ranks: 2)
    XCTAssertEqual(whole.compression, "none")
    let best = try XCTUnwrap(whole.testAccuracy.last)
    for name in ["none", "bfloat16", "float16", "topK:0.01", "powerSGD:4"] {
      let output = try ClassifierOutput.of(run + ["--compress", name], ranks: 2)
      XCTAssertEqual(output.compression, name)
      XCTAssertEqual(try XCTUnwrap(output.testAccuracy.last), best, accuracy: 0.04, name)
    }
  }

  func testJSONHasTheKeysOfTheContract() throws {
    let output = try ClassifierOutput.of(
      [
        "--data", "digits", "--model", "mlp", "--batch-size", "20", "--epochs", "2",
        "--algorithm", "ring", "--evaluate-every", "10",
      ], ranks: 3)
    XCTAssertEqual(output.ranks, 3)
    XCTAssertEqual(output.hosts, 1)
    XCTAssertEqual(output.model, "mlp")
    XCTAssertEqual(output.parameters, 64 * 512 + 512 + 512 * 512 + 512 + 5120 + 10)
    XCTAssertEqual(output.strategy, "data")
    XCTAssertEqual(output.update, "replicated")
    XCTAssertEqual(output.algorithm, "ring")
    XCTAssertEqual(output.epochs, 2)
    XCTAssertEqual(output.globalBatchSize, 60)
    XCTAssertEqual(output.trainLoss.count, 2)
    XCTAssertEqual(output.testAccuracy.count, 2)
    XCTAssertGreaterThan(output.testAccuracy[1], 0.8)
    XCTAssertGreaterThan(try XCTUnwrap(output.imagesPerSecond), 0)
    XCTAssertGreaterThan(try XCTUnwrap(output.stepSeconds), 0)
    XCTAssertGreaterThan(output.computeSeconds, 0)
    XCTAssertGreaterThan(output.exchangeSeconds, 0)
    XCTAssertGreaterThan(output.updateSeconds, 0)
    XCTAssertLessThanOrEqual(
      output.waitSeconds + output.hiddenSeconds, output.exchangeSeconds + 1e-9)
    XCTAssertEqual(output.networkBytesSent, [0, 0, 0])
    XCTAssertEqual(output.agreementBytesSent, [0, 0, 0])
    // All parameters, padded a little, times 2(p-1) over all ranks, each step.
    let moved = try XCTUnwrap(output.memoryBytesExchanged).reduce(0, +)
    let least = 4 * output.parameters * 4 * output.steps
    XCTAssertGreaterThanOrEqual(moved, least)
    XCTAssertLessThanOrEqual(Double(moved), 1.01 * Double(least))
    XCTAssertEqual(output.peakResidentBytes.count, 3)
    XCTAssertGreaterThan(try XCTUnwrap(output.peakResidentBytes.min()), 1 << 20)
    XCTAssertEqual(output.weightsChecksum.count, 16)
    XCTAssertNotNil(UInt64(output.weightsChecksum, radix: 16))
  }

  func testWhatMPIMovesIsNotGuessed() throws {
    let run = [
      "--data", "digits", "--layers", "64,16,relu,10", "--epochs", "1", "--steps", "2",
      "--batch-size", "8", "--algorithm", "native",
    ]
    let output = try ClassifierOutput.of(run, ranks: 2)
    XCTAssertNil(output.networkBytesSent)
    XCTAssertNil(output.memoryBytesExchanged)
    XCTAssertEqual(output.agreementBytesSent, [0, 0])
    XCTAssertEqual(output.exchanges.map(\.bytes), [nil])
  }

  func testTheSameRunGivesTheSameWeights() throws {
    let run = TrainClassifierTests.digits + ["--epochs", "1", "--steps", "10"]
    let first = try ClassifierOutput.of(run, ranks: 2)
    XCTAssertEqual(try ClassifierOutput.of(run, ranks: 2).weightsChecksum, first.weightsChecksum)
    let other = try ClassifierOutput.of(run + ["--seed", "2"], ranks: 2)
    XCTAssertNotEqual(other.weightsChecksum, first.weightsChecksum)
  }

  func testAccumulationGivesTheSameCurve() throws {
    let run = [
      "--data", "digits", "--layers", "64,32,tanh,10", "--global-batch-size", "60", "--epochs", "1",
    ]
    let (whole, reference) = try losses(run, ranks: 1)
    XCTAssertEqual(whole.steps, reference.count)
    let (parts, curve) = try losses(run + ["--accumulate", "3"], ranks: 2)
    XCTAssertEqual(parts.steps, whole.steps)
    for (a, b) in zip(curve, reference) { XCTAssertEqual(a, b, accuracy: 1e-4 * b) }
  }

  func testEveryOptimizerAndScheduleLearns() throws {
    for arguments in [
      ["--optimizer", "sgd", "--learning-rate", "0.2"], ["--optimizer", "nesterov"],
      ["--optimizer", "adagrad"],
      ["--optimizer", "adam", "--schedule", "cosine", "--learning-rate", "0.01"],
      ["--optimizer", "adamw", "--warm-up", "10", "--clip", "1", "--learning-rate", "0.01"],
      ["--schedule", "step", "--weight-decay", "1e-4", "--label-smoothing", "0.1"],
      ["--optimizer", "lars", "--learning-rate", "3"], ["--overlap", "--bucket-bytes", "4Ki"],
    ] {
      let output = try ClassifierOutput.of(
        ["--data", "digits", "--layers", "64,64,relu,10", "--batch-size", "25", "--epochs", "3"]
          + arguments, ranks: 2)
      XCTAssertGreaterThan(output.testAccuracy[2], 0.8, "\(arguments)")
    }
  }

  func testMoreRanksThanExamplesOfABatch() throws {
    let run = [
      "--data", "digits", "--layers", "64,16,batchnorm,relu,10", "--global-batch-size", "3",
      "--epochs", "1", "--steps", "20", "--data-limit", "100",
    ]
    let (_, reference) = try losses(run, ranks: 1)
    let (_, curve) = try losses(run, ranks: 5)
    for (a, b) in zip(curve, reference) { XCTAssertEqual(a, b, accuracy: 1e-3 * abs(b)) }
  }

  func testSyntheticData() throws {
    let output = try ClassifierOutput.of(
      [
        "--data", "synthetic", "--data-limit", "500", "--model", "mlp", "--batch-size", "50",
        "--epochs", "1",
      ], ranks: 2)
    XCTAssertEqual(output.steps, 5)
    XCTAssertNil(output.imagesPerSecond)
  }

  func testTextNamesWhatCounts() throws {
    let outcome = try ProgramRunner().run(
      "train-classifier", ["--data", "digits", "--epochs", "2", "--batch-size", "30"], ranks: 2)
    XCTAssertEqual(outcome.exitCode, 0, outcome.errors)
    for part in [
      "accuracy", "images/s", "update of the weights", "bytes exchanged", "on all ranks",
    ] {
      XCTAssertTrue(outcome.output.contains(part), "\(part) in \(outcome.output)")
    }
    XCTAssertEqual(outcome.leftBehind, [])
  }

  func testCustomGradientPrintsTheSameOnAnyNumberOfRanks() throws {
    let data = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("data/breast_cancer.csv").path
    for ranks in [1, 2, 5] {
      let outcome = try ProgramRunner().run("custom-gradient", [data], ranks: ranks)
      XCTAssertEqual(outcome.exitCode, 0, outcome.errors)
      XCTAssertTrue(
        outcome.output.hasSuffix("569 examples: loss 0.053099347, 562 right\n"), outcome.output)
    }
  }
}
