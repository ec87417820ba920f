import AllReduce
import AllReduceNN
import Foundation
import TestSupport
import XCTest

final class TrainLinregTests: ProgramTestCase {
  private static let algorithms = [
    "automatic", "ring", "tree", "recursiveDoubling", "halvingDoubling", "native",
  ]

  func testLimitedMemoryBFGSFindsTheExactTheta() throws {
    for (ranks, servers) in [(2, 1), (4, 1), (4, 2)] {
      let result = try LinregOutput.of(
        diabetes + ["--strategy", "lbfgs", "--servers", "\(servers)"], ranks: ranks)
      XCTAssertEqual(result.strategy, "lbfgs")
      XCTAssertLessThanOrEqual(try XCTUnwrap(result.exactDifference), 1e-8)
      XCTAssertLessThan(result.epochs, 60)
      XCTAssertNil(result.serialDifference)
    }
    for (arguments, words) in [
      (["--strategy", "lbfgs"], "no worker of 1 rank"), (["--servers", "1"], "--strategy lbfgs"),
      (["--strategy", "lbfgs", "--batch-size", "8"], "--batch-size"),
    ] {
      let outcome = try ProgramRunner().run("train-linreg", arguments)
      XCTAssertEqual(outcome.exitCode, 64)
      XCTAssertTrue(outcome.errors.contains(words), outcome.errors)
    }
  }

  func testEveryRankCountAndAlgorithmFindsTheSameTheta() throws {
    var reference: LinregOutput?
    // All of them on 3 ranks, and every one on another number too.
    let all = TrainLinregTests.algorithms
    for (ranks, algorithms) in [
      (1, ["automatic", "ring"]), (2, ["automatic", "tree"]), (3, all),
      (4, ["automatic", "recursiveDoubling", "native"]), (7, ["automatic", "halvingDoubling"]),
    ] {
      for algorithm in algorithms {
        let result = try LinregOutput.of(["--algorithm", algorithm], ranks: ranks)
        let what = "\(algorithm) on \(ranks) ranks"
        XCTAssertEqual(result.ranks, ranks)
        XCTAssertEqual(result.examples, 400)
        XCTAssertEqual(result.rowsPerRank.count, ranks)
        XCTAssertEqual(result.rowsPerRank.reduce(0, +), 400)
        XCTAssertLessThanOrEqual(result.rowsPerRank.max()! - result.rowsPerRank.min()!, 1)
        XCTAssertEqual(result.algorithmRequested, algorithm)
        XCTAssertEqual(result.combine, "allReduce")
        if algorithm == "automatic" {
          XCTAssertNotEqual(result.algorithm, "automatic")
        } else {
          XCTAssertEqual(result.algorithm, algorithm)
        }
        XCTAssertLessThanOrEqual(try XCTUnwrap(result.serialDifference), 1e-10, what)
        XCTAssertLessThanOrEqual(try XCTUnwrap(result.exactDifference), 1e-4, what)
        XCTAssertLessThanOrEqual(result.difference(from: reference ?? result), 1e-10, what)
        reference = reference ?? result
      }
    }
  }

  func testCentralCombinationFindsTheSameTheta() throws {
    for data in [[], diabetes] {
      let all = try LinregOutput.of(data, ranks: 3)
      for ranks in [1, 4] {
        let central = try LinregOutput.of(data + ["--combine", "central"], ranks: ranks)
        XCTAssertEqual(central.combine, "central")
        XCTAssertLessThanOrEqual(central.difference(from: all), 1e-10)
        XCTAssertLessThanOrEqual(try XCTUnwrap(central.serialDifference), 1e-10)
      }
    }
  }

  func testRealDataGivesThePublishedFit() throws {
    let start = ContinuousClock().now
    let result = try LinregOutput.of(diabetes, ranks: 4)
    XCTAssertLessThan(ContinuousClock().now - start, .seconds(10))
    XCTAssertEqual(result.rowsPerRank, [111, 111, 110, 110])
    XCTAssertEqual(result.features, 10)
    XCTAssertEqual(try XCTUnwrap(result.r2), 0.517_748_4, accuracy: 1e-6)
    XCTAssertEqual(result.loss, 2_859.696_347_586_8, accuracy: 1e-3)
    XCTAssertLessThanOrEqual(try XCTUnwrap(result.exactDifference), 1e-4)
    XCTAssertLessThanOrEqual(try XCTUnwrap(result.serialDifference), 1e-10)
  }

  func testTargetByNumber() throws {
    let byNumber = try LinregOutput.of(Array(diabetes.dropLast()) + ["11"], ranks: 2)
    XCTAssertEqual(try XCTUnwrap(byNumber.r2), 0.517_748_4, accuracy: 1e-6)
  }

  func testPartitionedReadingFindsTheSameThetaUnchecked() throws {
    let whole = try LinregOutput.of(diabetes, ranks: 4)
    for ranks in [1, 4, 7] {
      let parts = try LinregOutput.of(diabetes + ["--partitioned"], ranks: ranks)
      XCTAssertNil(parts.serialDifference)
      XCTAssertNil(parts.exactDifference)
      XCTAssertEqual(parts.examples, 442)
      XCTAssertEqual(parts.rowsPerRank.count, ranks)
      XCTAssertLessThanOrEqual(parts.difference(from: whole), 1e-10)
    }
  }

  func testFilesOfNumPyGiveTheThetaOfTheTable() throws {
    let table = try LinregOutput.of(diabetes, ranks: 2)
    let read = try NumericTable(csv: diabetes[1])
    let columns = read.columnNames.count
    let rows = (0..<read.values.rows).map { row in (0..<columns).map { read.values[row, $0] } }
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("allreduce-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let (inputs, targets) = (folder.path + "/x.npy", folder.path + "/y.npy")
    // The target is the last column.
    try NPYArray(sizes: [rows.count, columns - 1], elements: rows.flatMap { $0.dropLast() })
      .write(npy: inputs)
    try NPYArray(sizes: [rows.count], elements: rows.map { $0[columns - 1] }).write(npy: targets)
    let files = ["--data", inputs, "--target", targets]
    for options in [[], ["--partitioned"]] {
      let output = try LinregOutput.of(files + options, ranks: 3)
      XCTAssertEqual(output.rowsPerRank, [148, 147, 147])
      XCTAssertLessThanOrEqual(output.difference(from: table), 1e-10)
    }
    try NPYArray(sizes: [2], elements: [1.0, .nan]).write(npy: targets)
    for (words, code, part) in [
      (files, 65, "a target for each of 442 rows"),
      (["--data", targets, "--target", targets], 65, "nan in row 1"),
      (["--data", inputs, "--target", "1"], 64, "the file of the targets, not 1"),
    ] {
      let outcome = try ProgramRunner().run("train-linreg", words)
      XCTAssertEqual(Int(outcome.exitCode), code, outcome.errors)
      XCTAssertTrue(outcome.errors.contains(part), outcome.errors)
    }
  }

  func testMiniBatchesDoNotDependOnTheRanks() throws {
    let options = diabetes + ["--batch-size", "50", "--epochs", "20"]
    let one = try LinregOutput.of(options, ranks: 1)
    XCTAssertEqual(one.epochs, 20)
    for ranks in [2, 7] {
      let many = try LinregOutput.of(options, ranks: ranks)
      XCTAssertLessThanOrEqual(many.difference(from: one), 1e-10)
      XCTAssertLessThanOrEqual(try XCTUnwrap(many.serialDifference), 1e-10)
    }
    let other = try LinregOutput.of(options + ["--seed", "2"], ranks: 2)
    XCTAssertGreaterThan(other.difference(from: one), 1e-6)
  }

  func testOptionsOfTheDescent() throws {
    let few = try LinregOutput.of(["--epochs", "3", "--learning-rate", "0.1"], ranks: 2)
    XCTAssertEqual(few.epochs, 3)
    let loose = try LinregOutput.of(["--tolerance", "0.01"], ranks: 2)
    let tight = try LinregOutput.of(["--no-verify"], ranks: 2)
    XCTAssertLessThan(loose.epochs, tight.epochs)
    XCTAssertNil(tight.serialDifference)
    XCTAssertNil(tight.exactDifference)
    let large = try LinregOutput.of(["--examples", "5000", "--features", "9"], ranks: 3)
    XCTAssertEqual(large.examples, 5_000)
    XCTAssertEqual(large.theta.count, 10)
  }

  func testMoreRanksThanRows() throws {
    let file = try TemporaryFile("x,y\n1,3\n2,5\n3,7.5\n")
    for options in [[], ["--partitioned"], ["--combine", "central"], ["--batch-size", "2"]] {
      let result = try LinregOutput.of(
        ["--data", file.path, "--target", "y"] + options, ranks: 5)
      XCTAssertEqual(result.rowsPerRank.reduce(0, +), 3)
      if !options.contains("--batch-size") {
        XCTAssertEqual(result.theta[1], 2.25, accuracy: 1e-9)
      }
    }
  }

  func testDependentFeaturesHaveNoExactTheta() throws {
    let file = try TemporaryFile("a,b,y\n1,2,3\n2,4,3.5\n3,6,7\n4,8,8\n")
    let result = try LinregOutput.of(["--data", file.path, "--target", "y"], ranks: 2)
    XCTAssertNil(result.exactDifference)
    XCTAssertLessThanOrEqual(try XCTUnwrap(result.serialDifference), 1e-10)
  }

  func testRanksReportShowsTheMapAndTheReduce() throws {
    let text = try ProgramRunner().run("train-linreg", ["--ranks-report"], ranks: 4)
    XCTAssertEqual(text.exitCode, 0)
    let rows = text.output.split(separator: "\n").map { $0.split(separator: " ") }
      .filter { row in row.count == 7 && row.dropFirst().allSatisfy { Double($0) != nil } }
    XCTAssertEqual(rows.map { String($0[0]) }, ["0", "1", "2", "3", "all"])
    for column in 1..<7 {
      let numbers = rows.compactMap { Double($0[column]) }
      XCTAssertEqual(numbers.dropLast().reduce(0, +), numbers[4], accuracy: 1e-4 * abs(numbers[4]))
    }
    let json = try ProgramRunner().run(
      "train-linreg", ["--ranks-report", "--format", "json"], ranks: 2)
    XCTAssertTrue(json.output.hasPrefix("{"))
    XCTAssertTrue(json.errors.contains("rank"))
  }

  func testTextNamesWhatCounts() throws {
    let outcome = try ProgramRunner().run("train-linreg", diabetes, ranks: 4)
    XCTAssertEqual(outcome.exitCode, 0)
    for part in ["111, 111, 110, 110", "progression", "(intercept)", "bmi", "0.51774842", "(ok)"] {
      XCTAssertTrue(outcome.output.contains(part), "\(part) in \(outcome.output)")
    }
    XCTAssertEqual(outcome.errors, "")
    XCTAssertEqual(outcome.leftBehind, [])
  }

  func testWithoutMpirunItSaysSoInOneLine() throws {
    let outcome = try ProgramRunner().run("train-linreg", ["--format", "json"])
    XCTAssertEqual(outcome.exitCode, 0)
    XCTAssertEqual(outcome.errors.split(separator: "\n").count, 1, outcome.errors)
    XCTAssertTrue(outcome.errors.contains("mpirun"), outcome.errors)
  }

  func testTheOthersWaitWhileTheRootChecksForLong() throws {
    // The check takes longer than the deadline; signs of life keep the job going.
    let outcome = try ProgramRunner().run(
      "train-linreg",
      [
        "--examples", "100000", "--features", "20", "--epochs", "1200", "--learning-rate", "1e-3",
        "--format", "json",
      ], ranks: 2, environment: ["ALLREDUCE_DEADLINE": ProgramRunner.shortDeadline])
    XCTAssertEqual(outcome.exitCode, 0, outcome.errors)
  }
}
