import Foundation
import TestSupport
import XCTest

/// train-classifier with replicas that meet every H steps.
final class ReplicaRunTests: KeptRunTestCase {
  private let run = [
    "--data", "digits", "--layers", "8x8x1,conv:4x3,batchnorm,relu,pool:2,dropout:0.2,10",
    "--global-batch-size", "50", "--optimizer", "sgd", "--learning-rate", "0.05",
  ]

  func testReportsWhatMeetingsDid() throws {
    let plain = try ClassifierOutput.of(run + ["--epochs", "2"], ranks: 2)
    XCTAssertNil(plain.exchangeEvery)
    XCTAssertNil(plain.computeUtilisation)
    let streaming = [
      "--exchange-every", "8", "--outer-optimizer", "nesterov", "--outer-learning-rate", "0.7",
      "--outer-momentum", "0.9", "--fragments", "2", "--overlap-steps", "2", "--mix", "0.5",
      "--warm-up-steps", "4",
    ]
    let cases: [([String], Int)] = [
      // The last round is shorter: 60 steps are 7 rounds and a half.
      (["--meet", "every:8"], 8), (["--exchange-every", "8"], 8),
      (["--exchange-every", "8", "--replica", "2"], 8), (streaming, 4 * 2 + 14 + 2),
    ]
    for (arguments, outerSteps) in cases {
      let output = try ClassifierOutput.of(run + ["--epochs", "2"] + arguments, ranks: 2)
      XCTAssertEqual(output.exchangeEvery, 8)
      XCTAssertEqual(output.outerSteps, outerSteps, "\(arguments)")
      XCTAssertEqual(output.steps, plain.steps)
      XCTAssertEqual(output.globalBatchSize, plain.globalBatchSize)
      XCTAssertTrue((0...1).contains(try XCTUnwrap(output.computeUtilisation)))
      if let cosine = output.differenceCosine {
        XCTAssertTrue((-1...1).contains(cosine))
      } else {
        XCTAssertTrue(arguments.contains("--replica"), "one replica has none to compare with")
      }
      XCTAssertGreaterThan(output.testAccuracy[1], 0.5)
      XCTAssertEqual(output.trainLoss[0], plain.trainLoss[0], accuracy: 0.3 * plain.trainLoss[0])
    }
  }

  func testMeasuresHowOftenToMeet() throws {
    let outcome = try ProgramRunner().run(
      "train-classifier",
      run + ["--epochs", "1", "--exchange-every", "auto", "--fragments", "3", "--format", "json"],
      ranks: 2)
    XCTAssertEqual(outcome.exitCode, 0, outcome.errors)
    let output = try JSONDecoder.ofPrograms.decode(
      ClassifierOutput.self, from: Data(outcome.output.utf8))
    let every = try XCTUnwrap(output.exchangeEvery)
    XCTAssertEqual(every % 3, 0)
    XCTAssertTrue(outcome.errors.contains("Replicas meet every \(every) steps"), outcome.errors)
  }

  func testAPlanSaysHowReplicasMeet() throws {
    let words = run + ["--exchange-every", "8", "--replica", "host", "--fragments", "2"]
    let printed = try ProgramRunner().run(
      "train-classifier", words + ["--print-plan", "--format", "json"], ranks: 2)
    let file = folder + "/plan.json"
    try printed.output.write(toFile: file, atomically: true, encoding: .utf8)
    let (named, read) = (
      try ClassifierOutput.of(words + ["--epochs", "1"], ranks: 2),
      try ClassifierOutput.of(run + ["--epochs", "1", "--plan", file], ranks: 2)
    )
    XCTAssertEqual(read.exchangeEvery, 8)
    XCTAssertEqual(read.weightsChecksum, named.weightsChecksum)
  }

  func testAKilledRunGoesOnInTheMiddleOfARound() throws {
    // One replica, whose own weights are others than the global ones in the middle of a round.
    let long =
      run + ["--epochs", "12", "--exchange-every", "16", "--outer-learning-rate", "0.8"]
    let (log, kept) = (folder + "/killed.jsonl", folder + "/kept")
    let keeping = long + ["--log", log, "--checkpoint", kept, "--checkpoint-every", "7"]
    let process = Process()
    process.executableURL = ProgramRunner.directory.appendingPathComponent("train-classifier")
    process.arguments = keeping
    try start(process, untilThereIs: kept + "/checkpoint.safetensors")
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
    let output = try ClassifierOutput.of(keeping + ["--resume"], ranks: nil)
    XCTAssertNotNil(output.resumedAtStep)
    let wholeLog = folder + "/whole.jsonl"
    let whole = try ClassifierOutput.of(long + ["--log", wholeLog], ranks: nil)
    XCTAssertEqual(try losses(log), try losses(wholeLog))
    XCTAssertEqual(output.trainLoss, whole.trainLoss)
    XCTAssertEqual(output.testAccuracy, whole.testAccuracy)
    XCTAssertEqual(output.weightsChecksum, whole.weightsChecksum)
  }

  func testAResumedRunKeepsWhatNoOptionSays() throws {
    let kept = folder + "/kept"
    let keeping = run + ["--checkpoint", kept]
    let meeting = [
      "--exchange-every", "6", "--outer-optimizer", "nesterov", "--outer-learning-rate", "0.6",
    ]
    let whole = try ClassifierOutput.of(run + ["--epochs", "2"] + meeting, ranks: 2)
    _ = try ClassifierOutput.of(keeping + ["--epochs", "1"] + meeting, ranks: 2)
    let again = keeping + ["--epochs", "2", "--resume"]
    let refused = try ProgramRunner().run(
      "train-classifier", again + ["--outer-optimizer", "sgd"], ranks: 2)
    XCTAssertEqual(refused.exitCode, 64, refused.errors)
    XCTAssertTrue(refused.errors.contains("--outer-optimizer nesterov, not sgd"), refused.errors)
    // The same number again: what is not given is the state's, and not the default.
    let output = try ClassifierOutput.of(again + ["--exchange-every", "6"], ranks: 2)
    XCTAssertEqual(output.weightsChecksum, whole.weightsChecksum)
  }

  func testWrongUsageIsSaidWithItsFigures() throws {
    for (arguments, parts) in [
      (["--exchange-every", "0"], ["--exchange-every", "0"]),
      (["--meet", "every:0"], ["--meet", "a whole number, 1 or more"]),
      (["--meet", "now"], ["every:auto", "now"]),
      (["--meet", "every:2", "--exchange-every", "2"], ["--meet", "--exchange-every"]),
      (["--exchange-every", "8", "--fragments", "3"], ["8 steps", "3 fragments"]),
      (["--exchange-every", "8", "--fragments", "0"], ["fragments", "not 0"]),
      (
        ["--exchange-every", "8", "--fragments", "4", "--overlap-steps", "3"],
        ["3 steps", "of 4 has 2"]
      ),
      (["--exchange-every", "8", "--mix", "1"], ["mix", "not 1"]),
      (["--exchange-every", "8", "--warm-up-steps=-1"], ["warm-up", "not -1"]),
      (
        ["--exchange-every", "8", "--outer-learning-rate", "0"],
        ["--outer-learning-rate must be above 0", "not 0"]
      ),
      (["--exchange-every", "8", "--outer-momentum", "0.5"], ["0.5", "nesterov"]),
      (["--fragments", "2"], ["every step", "fragments"]),
      (["--exchange-every", "8", "--replica", "0"], ["--replica", "not as 0"]),
      (["--exchange-every", "8", "--replica", "3"], ["2 ranks", "replicas of 3"]),
      (["--straggler", "1:0.5"], ["--straggler", "1:0.5"]),
      (["--straggler", "2:2"], ["rank 2", "last rank is 1"]),
      (
        ["--layers", "64,10", "--exchange-every", "8", "--reproducible", "2"],
        ["Virtual shards", "replicas"]
      ),
      (["--plan", "x.json", "--exchange-every", "8"], ["--plan x.json", "--exchange-every"]),
    ] as [([String], [String])] {
      // What needs no job to be found is found before there is one.
      let needsRanks = parts.contains { $0.contains("rank ") || $0.contains("ranks") }
      let outcome = try ProgramRunner().run(
        "train-classifier", run + arguments, ranks: needsRanks ? 2 : nil)
      XCTAssertEqual(outcome.exitCode, 64, "\(arguments): \(outcome.errors)")
      XCTAssertEqual(outcome.output, "")
      let ours =
        outcome.errorLines(beginningWith: "error: ")
        + outcome.errorLines(beginningWith: "Error: ")
      XCTAssertEqual(ours.count, 1, outcome.errors)
      for part in parts {
        XCTAssertTrue(ours.first?.contains(part) == true, "\(part) in \(ours)")
      }
    }
  }

  func testAStragglerIsSlower() throws {
    // Not timed: what it sleeps is not counted as computing, and changes no result.
    let (with, without) = (
      try ClassifierOutput.of(
        run + ["--epochs", "1", "--exchange-every", "8", "--straggler", "1:2"], ranks: 2),
      try ClassifierOutput.of(run + ["--epochs", "1", "--exchange-every", "8"], ranks: 2)
    )
    XCTAssertEqual(with.weightsChecksum, without.weightsChecksum)
    XCTAssertEqual(with.trainLoss, without.trainLoss)
  }
}
