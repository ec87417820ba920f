import TestSupport
import XCTest

/// train-classifier with parameter servers.
final class ServerRunTests: KeptRunTestCase {
  private static let digits = [
    "--data", "digits", "--layers", "64,32,relu,10", "--batch-size", "30", "--seed", "2",
  ]

  func testDownpourLearnsAndTellsHowStaleItsUpdatesWere() throws {
    let output = try ServedOutput.of(
      ServerRunTests.digits + [
        "--strategy", "downpour", "--optimizer", "adagrad", "--learning-rate", "0.03", "--epochs",
        "4", "--evaluate-every", "10", "--log", "\(folder)/log.jsonl", "--straggler", "1:2",
        "--trace", "\(folder)/trace.json",
      ], ranks: 4)
    XCTAssertEqual(output.servers, [3])
    XCTAssertEqual(output.globalBatchSize, 90)
    XCTAssertEqual(output.testAccuracy.count, 4)
    XCTAssertGreaterThan(output.testAccuracy.last ?? 0, 0.8)
    XCTAssertEqual(output.workerSteps.count, 3)
    // 1500 examples: 16 steps of 90, and one of 60.
    XCTAssertEqual(output.workerSteps.reduce(0, +), 4 * 17 * 3)
    XCTAssertEqual(output.updatesApplied, 4 * 17 * 3)
    XCTAssertEqual(output.staleness.unit, "updates")
    XCTAssertEqual(
      output.staleness.histogram.reduce(0) { $0 + $1[1] }, output.updatesApplied)
    let lines = try MetricsLine.all(in: "\(folder)/log.jsonl")
    XCTAssertEqual(lines.compactMap(\.testAccuracy).count, 4 + 6)
    XCTAssertFalse(lines.compactMap(\.loss).isEmpty)
  }

  func testABoundOfZeroLearnsAsDataParallelTrainingDoes() throws {
    let run =
      ServerRunTests.digits + ["--optimizer", "sgd", "--learning-rate", "0.1", "--epochs", "2"]
    let plain = try ClassifierOutput.of(run, ranks: 2)
    for servers in ["1", "2"] {
      let bound = [
        "--strategy", "downpour", "--staleness-bound", "0", "--servers", servers, "--straggler",
        "0:3",
      ]
      // Two ways to say the same.
      let meet = servers == "1" ? bound : ["--meet"] + bound.dropFirst()
      let served = try ServedOutput.of(run + meet, ranks: 2 + Int(servers)!)
      for (a, b) in zip(served.trainLoss, plain.trainLoss) { XCTAssertEqual(a, b, accuracy: 1e-5) }
      XCTAssertLessThanOrEqual(served.staleness.maximum ?? 9, 1)
    }
  }

  func testElasticAveragingLearns() throws {
    for servers in [["--servers", "1"], ["--servers", "0"]] {
      let output = try ServedOutput.of(
        ServerRunTests.digits + [
          "--strategy", "easgd", "--push-every", "4", "--learning-rate", "0.1", "--epochs", "6",
        ] + servers, ranks: 3)
      XCTAssertGreaterThan(output.testAccuracy.last ?? 0, 0.8, "\(servers)")
    }
  }

  func testARunGoesOnFromTheStateOfServers() throws {
    let run =
      ServerRunTests.digits + [
        "--strategy", "downpour", "--optimizer", "adagrad", "--checkpoint-every", "20", "--servers",
        "2",
      ]
    let whole = try ServedOutput.of(
      run + ["--checkpoint", "\(folder)/whole", "--epochs", "3"], ranks: 3)
    _ = try ServedOutput.of(run + ["--checkpoint", "\(folder)/parts", "--epochs", "1"], ranks: 3)
    let parts = try ServedOutput.of(
      run + ["--checkpoint", "\(folder)/parts", "--epochs", "3", "--resume"], ranks: 3)
    XCTAssertEqual(parts.resumedAtStep, 50)
    XCTAssertEqual(parts.weightsChecksum, whole.weightsChecksum)
    XCTAssertEqual(parts.trainLoss, whole.trainLoss)
  }

  func testWhatCannotBeIsRefused() throws {
    let cases: [(arguments: [String], ranks: Int?, parts: [String])] = [
      (["--servers", "3"], 3, ["3 servers", "no worker", "3 ranks"]),
      ([], nil, ["1 server", "no worker", "1 rank"]),
      (["--servers", "0"], nil, ["1 server or more", "not 0"]),
      (["--fetch-every", "0"], nil, ["--fetch-every must be 1 or more, not 0"]),
      (["--push-every=-1"], nil, ["--push-every must be 1 or more, not -1"]),
      (["--staleness-bound=-1"], nil, ["--staleness-bound must be 0 or more, not -1"]),
      (["--staleness-bound", "1", "--fetch-every", "9", "--push-every", "3"], nil, ["2", "is 1"]),
      (["--compensation", "magic"], nil, ["magic"]),
      (["--compensation", "constant:-1"], nil, ["constant:-1"]),
      (["--compensation", "nesterov:4"], nil, ["nesterov:4", "momentum 0.9"]),
      (["--optimizer", "lars"], nil, ["norms"]),
      (["--update", "shared"], nil, ["--update", "downpour"]),
      (["--exchange-every", "4"], nil, ["--exchange-every", "downpour"]),
      (["--straggler", "3:2"], 4, ["Rank 3", "0 to 2"]),
      (["--batch-size", "800"], 3, ["1600 examples", "1500"]),
    ]
    for (arguments, ranks, parts) in cases {
      let outcome = try ProgramRunner().run(
        "train-classifier", ["--data", "digits", "--strategy", "downpour"] + arguments,
        ranks: ranks)
      XCTAssertEqual(outcome.exitCode, 64, "\(arguments)")
      for part in parts { XCTAssertTrue(outcome.errors.contains(part), outcome.errors) }
    }
    let both = try ProgramRunner().run(
      "train-classifier", ["--strategy", "model", "--meet", "downpour"])
    XCTAssertEqual(both.exitCode, 64)
    XCTAssertTrue(both.errors.contains("--meet downpour is for"), both.errors)
    let other = try ProgramRunner().run("train-classifier", ["--servers", "1"])
    XCTAssertEqual(other.exitCode, 64)
    XCTAssertTrue(other.errors.contains("--servers needs --strategy"), other.errors)
  }
}

/// What json has of a run with servers.
private struct ServedOutput: ProgramOutput {
  static var program: String { "train-classifier" }

  let steps: Int
  let globalBatchSize: Int
  let trainLoss: [Double]
  let testAccuracy: [Double]
  let resumedAtStep: Int?
  let weightsChecksum: String
  let staleness: Staleness
  let updatesApplied: Int
  let workerSteps: [Int]
  let servers: [Int]

  struct Staleness: Decodable {
    let unit: String
    let mean: Double?
    let maximum: Int?
    let histogram: [[Int]]
  }
}
