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

  /// A program, and what keeps its run short where a large number is right, as a tolerance of 1e308 is.
  private struct Subject {
    let program: String
    let arguments: [String]
    /// Options whose numbers stand in a text: a list, or a number and its unit; and texts that are too large.
    var texts: [String: [String]] = [:]
  }

  private static let tooLarge = ["9223372036854775807", "1e308"]

  private static let subjects = [
    Subject(program: "train-linreg", arguments: ["--epochs=2"]),
    Subject(program: "train-classifier", arguments: ["--data=digits", "--epochs=1", "--steps=1"]),
    Subject(program: "split-weights", arguments: ["--steps=1"]),
    Subject(program: "custom-gradient", arguments: []),
    Subject(
      program: "allreduce-bench", arguments: ["--bytes=64"],
      texts: ["bytes": tooLarge + ["4...9223372036854775804"]]),
    Subject(program: "explain", arguments: []),
    Subject(
      program: "simulate-allreduce",
      arguments: ["--latency=5us", "--bandwidth=1GB/s", "--ranks=4", "--bytes=64"],
      texts: [
        "ranks": tooLarge + ["4...9223372036854775807"], "bytes": tooLarge,
        "latency": ["1e308s", "infs", "1e300ms"], "bandwidth": ["1e308GB/s", "infGB/s"],
        "host-latency": ["1e308s"], "host-bandwidth": ["1e308GB/s"], "message-time": ["1e308s"],
        "reduction-rate": ["1e308GB/s"], "segment-bytes": ["8589934592Gi", "1024Gi"],
        "straggler": ["0:1e308", "9223372036854775807:2"],
      ]),
    Subject(program: "server-bench", arguments: ["--rounds=1"]),
    Subject(
      program: "plan-training", arguments: ["--model=mlp", "--hosts=2x1"],
      texts: [
        "hosts": ["9223372036854775807x2", "2x9223372036854775807"],
        "link": ["1e308Gbit,50us", "1Gbit,1e308s"], "compute": ["1e308TFLOP/s"],
        "memory-rate": ["1e308GB/s"], "memory": ["8EiB", "9223372036854775807"],
      ]),
    Subject(program: "predict", arguments: ["--state=/nowhere", "--data=/nowhere.csv"]),
    Subject(program: "export-weights", arguments: ["--state=/nowhere", "--output=/nowhere/w"]),
    Subject(program: "chart", arguments: ["--trace=/nowhere"]),
    Subject(program: "allreduce-status", arguments: []),
  ]

  private func assertRefused(
    _ subject: Subject, _ option: String, _ value: String,
    orRuns mayRun: () throws -> Bool = { false }
  ) throws {
    let (program, what) = (subject.program, "\(subject.program) --\(option)=\(value)")
    let outcome = try ProgramRunner(timeLimit: 20).run(
      program, subject.arguments + ["--\(option)=\(value)"])
    if outcome.exitCode == 0, try mayRun() { return }
    // A learning rate that is allowed may diverge.
    let isRight = try outcome.exitCode == 64 || (outcome.exitCode == 65 && mayRun())
    XCTAssertTrue(isRight, "\(what): \(outcome.exitCode) \(outcome.errors)")
    XCTAssertTrue(
      outcome.errors.contains("--\(option)") || outcome.errors.contains("error: "),
      "\(what): \(outcome.errors)")
    XCTAssertFalse(outcome.timedOut, what)
  }

  func testNumbersThatAreTooLargeAreRefusedInASentence() throws {
    var tried = 0
    for subject in NumberBoundsTests.subjects {
      let options = try options(of: subject.program)
      for (option, values) in subject.texts {
        XCTAssertTrue(options.contains(option), "\(subject.program) --\(option)")
        for value in values { try assertRefused(subject, option, value) }
        tried += 1
      }
      for option in options where subject.texts[option] == nil && option != "seed" {
        // Seeds may be any number of 64 bits.
        guard try refuses("some-word", for: option, of: subject.program) else { continue }
        for value in NumberBoundsTests.tooLarge {
          // A large fraction may be right, as a tolerance of 1e308 is.
          try assertRefused(subject, option, value) {
            try !refuses("0.5", for: option, of: subject.program)
          }
        }
        tried += 1
      }
    }
    XCTAssertGreaterThan(tried, 70)
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
