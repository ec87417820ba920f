import Foundation
import TestSupport
import XCTest

/// Starts programs whose runs go on, and waits for what they do.
class GoingOnTestCase: KeptRunTestCase {
  var kept: String { folder + "/kept" }
  var newest: String { kept + "/checkpoint.safetensors" }

  let run = [
    "--data", "digits", "--data-limit", "128", "--layers", "64,12,relu,dropout:0.2,10",
    "--global-batch-size", "32", "--format", "json",
  ]

  /// So that a run of the same length without it takes less time.
  let slowly = ["--straggler", "1:20"]

  /// Starts a program, alone or under a launcher, with its output in a file.
  func start(_ command: [String], _ output: String) throws -> Process {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = command
    process.environment = ProgramRunner.jobEnvironment
    process.standardInput = FileHandle.nullDevice
    for (name, set) in [
      ("", { process.standardOutput = $0 }), (".errors", { process.standardError = $0 }),
    ] as [(String, (Any?) -> Void)] {
      try Data().write(to: URL(fileURLWithPath: output + name))
      set(try FileHandle(forWritingTo: URL(fileURLWithPath: output + name)))
    }
    try process.run()
    return process
  }

  func text(_ path: String) -> String {
    (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
  }

  func program(_ name: String) -> String {
    ProgramRunner.directory.appendingPathComponent(name).path
  }

  /// Waits for something, for a minute at most.
  func wait(_ what: String, line: UInt = #line, until isDone: () throws -> Bool) rethrows {
    let end = Date() + 60 * ProgramRunner.patience
    while try !isDone() {
      if Date() > end { return XCTFail("\(what) did not come", line: line) }
      usleep(20_000)
    }
  }
}
