import TestSupport
import XCTest

/// `--check` and `--version` of the programs that train.
final class JobCheckTests: ProgramTestCase {
  private static let programs: [(name: String, arguments: [String])] = [
    ("train-classifier", ["--data", "digits"]), ("train-linreg", []), ("custom-gradient", []),
    ("split-weights", []),
  ]

  func testRanksThatHaveTheSameAgree() throws {
    for (program, arguments) in JobCheckTests.programs {
      let outcome = try ProgramRunner().run(program, arguments + ["--check"], ranks: 3)
      XCTAssertEqual(outcome.exitCode, 0, outcome.output + outcome.errors)
      for row in [
        "program", "AllReduce", "MPI", "BLAS", "options", "environment", "processor", "data",
        "clock", "messages within a host",
      ] {
        XCTAssertTrue(outcome.output.contains("\n\(row)"), "\(row) in \(outcome.output)")
      }
      XCTAssertTrue(outcome.output.hasSuffix("All ranks agree.\n"), outcome.output)
    }
  }

  func testOneRankAloneAgreesWithItself() throws {
    let outcome = try ProgramRunner().run("train-linreg", ["--check"])
    XCTAssertEqual(outcome.exitCode, 0, outcome.errors)
    XCTAssertTrue(outcome.output.hasSuffix("All ranks agree.\n"), outcome.output)
  }

  func testWhatDiffersIsNamed() throws {
    let path = ProgramRunner.directory.appendingPathComponent("train-linreg").path
    let options = try ProgramRunner().run(
      "train-linreg", ["--check", ":", "-np", "1", path, "--check", "--seed", "2"], ranks: 2)
    XCTAssertEqual(options.exitCode, 1, options.errors)
    XCTAssertTrue(options.errors.contains("Ranks differ in options, data."), options.errors)
    XCTAssertTrue(options.output.contains("train-linreg --check --seed 2"), options.output)

    let environment = try ProgramRunner().run(
      "train-linreg", ["--check"], ranks: 3,
      wrapper: [
        "sh", "-c",
        "[ $OMPI_COMM_WORLD_RANK != 1 ] || export OMP_NUM_THREADS=7; exec \"$0\" \"$@\"",
      ])
    XCTAssertEqual(environment.exitCode, 1, environment.errors)
    XCTAssertTrue(environment.errors.contains("Ranks differ in environment."), environment.errors)
    XCTAssertTrue(environment.output.contains("OMP_NUM_THREADS=7"), environment.output)
  }

  func testTheVersionNamesWhatAProgramIsMadeOf() throws {
    for program in ["train-classifier", "train-linreg", "allreduce-bench", "explain"] {
      let outcome = try ProgramRunner().run(
        program, ["--version"], ranks: program == "explain" ? nil : 2)
      XCTAssertEqual(outcome.exitCode, 0, outcome.errors)
      let lines = outcome.output.split(separator: "\n")
      XCTAssertEqual(lines.count, 4, outcome.output)
      for (line, name) in zip(
        lines, ["AllReduce 0.", "MPI Open MPI v", "BLAS OpenBLAS ", "processor variant "])
      {
        XCTAssertTrue(line.hasPrefix(name), "\(line)")
      }
    }
  }
}
