import Foundation
import TestSupport
import XCTest

/// Every number that a command line can give has a bound: what is too large is refused in a sentence, whichever
/// option it is for. The options are those that the programs themselves list.
final class NumberBoundsTests: ProgramTestCase {
  /// What `--experimental-dump-help` prints, as far as it is used.
  private struct Dump: Decodable {
    struct Command: Decodable {
      struct Argument: Decodable {
        struct Name: Decodable { let name: String }
        let kind: String
        let preferredName: Name?
        let shouldDisplay: Bool
      }
      let arguments: [Argument]?
    }
    let command: Command
  }

  private func options(of program: String) throws -> [String] {
    let dump = try ProgramRunner().run(program, ["--experimental-dump-help"])
    let decoded = try JSONDecoder().decode(Dump.self, from: Data(dump.output.utf8))
    return (decoded.command.arguments ?? []).filter { $0.kind == "option" && $0.shouldDisplay }
      .compactMap { $0.preferredName?.name }
  }

  /// Whether an option refuses a value as none of its kind. (The program does not run: it has no such other
  /// option.)
  private func refuses(_ value: String, for option: String, of program: String) throws -> Bool {
    let outcome = try ProgramRunner().run(program, ["--\(option)=\(value)", "--no-such-option"])
    return outcome.errors.contains("The value '\(value)' is invalid for '--\(option)")
  }

  func testNumbersThatAreTooLargeAreRefusedInASentence() throws {
    var tried = 0
    // With what keeps a run short where a large number is right, as a tolerance of 1e308 is.
    for (program, arguments) in [
      ("train-linreg", ["--epochs=2"]),
      ("train-classifier", ["--data=digits", "--epochs=1", "--steps=1"]),
      ("split-weights", ["--steps=1"]), ("custom-gradient", []),
      ("allreduce-bench", ["--bytes=64"]), ("explain", []),
    ] {
      for option in try options(of: program)
      where try refuses("some-word", for: option, of: program) {
        // Seeds may be any number of 64 bits.
        if option == "seed" { continue }
        let takesFractions = try !refuses("0.5", for: option, of: program)
        for value in ["9223372036854775807", "1e308"] {
          let outcome = try ProgramRunner(timeLimit: 20).run(
            program, arguments + ["--\(option)=\(value)"])
          if takesFractions, outcome.exitCode == 0 { continue }
          XCTAssertTrue(
            [64, 65].contains(outcome.exitCode),
            "\(program) --\(option)=\(value): \(outcome.exitCode) \(outcome.errors)")
          XCTAssertTrue(
            outcome.errors.contains("--\(option)") || outcome.errors.contains("error: "),
            "\(program) --\(option)=\(value): \(outcome.errors)")
          XCTAssertFalse(outcome.timedOut, "\(program) --\(option)=\(value)")
        }
        tried += 1
      }
    }
    XCTAssertGreaterThan(tried, 30)
  }

  func testTheLargestNumbersThatAreAllowedNeedMemoryOrRun() throws {
    for (program, arguments) in [
      ("train-linreg", ["--features", "1000000", "--examples", "1000000000"]),
      ("split-weights", ["--inputs", "16777216", "--hidden", "16777216"]),
      ("split-weights", ["--batch", "16777216", "--inputs", "16777216"]),
    ] {
      let outcome = try ProgramRunner(timeLimit: 20).run(program, arguments)
      XCTAssertEqual(outcome.exitCode, 70, "\(arguments): \(outcome.errors)")
      XCTAssertTrue(outcome.errors.contains("needs "), "\(arguments): \(outcome.errors)")
      XCTAssertTrue(outcome.errors.contains("available"), "\(arguments): \(outcome.errors)")
    }
  }
}
