import Foundation
import TestSupport
import XCTest

/// Training that goes on: signals, files, the status, a full disk.
final class GoingOnTests: GoingOnTestCase {
  /// What allreduce-status prints.
  private struct Status: Decodable {
    struct Row: Decodable {
      let rank: Int
      let process: Int32
      let condition: String
      let lastCall: String?
      let progress: Progress?
    }
    struct Progress: Decodable {
      let step: Int
      let figureName: String
    }
    let ranks: Int
    let rows: [Row]
    let waits: [String]
    let calls: [String]?
  }

  /// The job that has a rank with this process as its launcher: the only one whose ranks keep state here.
  private func status(of launcher: Process, _ options: [String] = []) throws -> Status? {
    for job in try jobs(of: launcher) {
      let outcome = try ProgramRunner().run(
        "allreduce-status", [job, "--format", "json"] + options)
      guard outcome.exitCode == 0 else { continue }
      return try JSONDecoder.ofPrograms.decode(Status.self, from: Data(outcome.output.utf8))
    }
    return nil
  }

  /// What the launcher calls the jobs of its children.
  private func jobs(of launcher: Process) throws -> [String] {
    let children = text(
      "/proc/\(launcher.processIdentifier)/task/\(launcher.processIdentifier)/children")
    return children.split(separator: " ").compactMap { child in
      let variables = FileManager.default.contents(atPath: "/proc/\(child)/environ") ?? Data()
      return variables.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
        .first { $0.hasPrefix("PMIX_NAMESPACE=") }.map { String($0.dropFirst(15)) }
    }
  }

  func testARunIsWatchedSavedStoppedAndGoneOnWith() throws {
    let keeping = run + ["--checkpoint", kept, "--checkpoint-every", "1000000"]
    let output = folder + "/stopped"
    let launcher = try start(
      ["mpirun", "-np", "2", program("train-classifier")] + keeping + slowly
        + ["--epochs", "1000000"],
      output)
    defer { launcher.terminate() }
    var status: Status?
    try wait("a status in a step") {
      status = try self.status(of: launcher)
      return status?.rows.contains { ($0.progress?.step ?? 0) > 0 } == true
        && status?.rows.last?.lastCall?.hasPrefix("allReduce") == true
    }
    XCTAssertEqual(status?.ranks, 2)
    XCTAssertEqual(status?.rows.map(\.rank), [0, 1])
    XCTAssertEqual(status?.rows.first?.progress?.figureName, "loss")

    try Data().write(to: URL(fileURLWithPath: kept + "/save"))
    wait("a state") { FileManager.default.fileExists(atPath: newest) }
    XCTAssertTrue(launcher.isRunning)

    let last = try XCTUnwrap(status?.rows.last?.process)
    kill(last, SIGSTOP)
    try wait("the report of a stopped rank") {
      status = try self.status(of: launcher, ["--calls"])
      return status?.waits == ["rank 0 waits for rank 1, which is stopped"]
    }
    XCTAssertEqual(status?.rows.last?.condition, "stopped")
    XCTAssertNotNil(status?.calls)
    kill(last, SIGCONT)

    kill(last, SIGTERM)
    launcher.waitUntilExit()
    XCTAssertEqual(launcher.terminationStatus, 75, text(output + ".errors"))
    let first = try JSONDecoder.ofPrograms.decode(
      ClassifierOutput.self, from: Data(text(output).utf8))
    XCTAssertTrue(first.stopped)

    let epochs = ["--epochs", "\(first.steps / 4 + 2)"]
    let resumed = try ClassifierOutput.of(keeping + epochs + ["--resume"], ranks: 2)
    XCTAssertEqual(resumed.resumedAtStep, first.steps)
    XCTAssertFalse(resumed.stopped)
    let whole = try ClassifierOutput.of(run + epochs, ranks: 2)
    XCTAssertEqual(resumed.weightsChecksum, whole.weightsChecksum)
    XCTAssertEqual(resumed.trainLoss, whole.trainLoss)
    XCTAssertGreaterThan(resumed.goodput.usefulSeconds, 0)
    XCTAssertEqual(resumed.goodput.repeatedSeconds, 0)
  }

  func testARankThatIsStoppedBeforeItHasComeIsSeen() throws {
    try FileManager.default.createDirectory(atPath: kept, withIntermediateDirectories: false)
    let launcher = try start(
      [
        "mpirun", "-np", "2", program("FaultWorker"), "matrix", "before-init", "stop", "1", "0",
        kept,
      ], folder + "/starting")
    defer {
      launcher.terminate()
      launcher.waitUntilExit()
    }
    try wait("both ranks") {
      let status = try self.status(of: launcher)
      return status?.rows.map(\.condition) == ["starting", "stopped"]
    }
  }

  /// Ranks are killed twice; a third failure in the same place would be the last.

  /// Trains while the folder of states is a disk of its own; skips the test where none can be made.
  private func trainOnDisk(of size: String, _ arguments: [String]) throws -> ProgramRunner.Outcome {
    try FileManager.default.createDirectory(atPath: kept, withIntermediateDirectories: false)
    let outcome = try ProgramRunner().run(
      "train-classifier", arguments,
      wrapper: [
        "unshare", "--mount", "sh", "-c",
        "mount -t tmpfs -o size=\(size),mode=700 none \(kept) || { echo no mount; exit 77; }; exec \"$@\"",
        "sh",
      ])
    try XCTSkipIf(outcome.exitCode == 77 || outcome.errors.contains("unshare"), outcome.errors)
    return outcome
  }

  func testAFullDiskEndsNoTraining() throws {
    // Room for one state of 300 kB and a half.
    let outcome = try trainOnDisk(
      of: "600k",
      [
        "--data", "digits", "--data-limit", "128", "--layers", "64,500,relu,10", "--format", "json",
        "--global-batch-size", "32", "--epochs", "3", "--checkpoint", kept,
      ])
    XCTAssertEqual(outcome.exitCode, 65, outcome.errors)
    let words = outcome.errorLines(beginningWith: "warning: ")
    XCTAssertEqual(words.count, 1, outcome.errors)
    for part in [kept, "free space", "THE STATE WAS NOT WRITTEN", "goes on"] {
      XCTAssertTrue(words.first?.contains(part) == true, "\(part) in \(words)")
    }
    // The last one has to be there when the program ends.
    XCTAssertEqual(outcome.errorLines(beginningWith: "error: ").count, 1, outcome.errors)
  }

  func testALogThatCannotBeWrittenIsAWarning() throws {
    let outcome = try trainOnDisk(
      of: "32k",
      run + ["--epochs", "60", "--log", kept + "/log", "--tensorboard", kept + "/events"])
    XCTAssertEqual(outcome.exitCode, 0, outcome.errors)
    let words = outcome.errorLines(beginningWith: "warning: ")
    XCTAssertTrue((1...4).contains(words.count), outcome.errors)
    for line in words {
      XCTAssertTrue(line.contains("THE LOG IS NOT COMPLETE."), line)
    }
  }

  func testTheLogGoesOnAndTheFolderIsTheUsersAlone() throws {
    let log = folder + "/log"
    let logged = run + ["--checkpoint", kept, "--log", log]
    let begin = ContinuousClock.now
    let first = try ProgramRunner().run("train-classifier", logged + ["--epochs", "1"])
    XCTAssertEqual(first.exitCode, 0, first.errors)
    let lock = try FileManager.default.attributesOfItem(atPath: kept + "/.lock")
    XCTAssertEqual(lock[.posixPermissions] as? Int, 0o600)
    try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: kept)
    let second = try ProgramRunner().run(
      "train-classifier", logged + ["--epochs", "2", "--resume", "--replay", "2"])
    XCTAssertEqual(second.exitCode, 0, second.errors)
    XCTAssertTrue(second.errors.contains("Every user of this machine may write to"), second.errors)
    let seconds = text(log).split(separator: "\n").compactMap { line in
      line.firstMatch(of: /"seconds": ([0-9.e+-]+)/).flatMap { Double($0.1) }
    }
    XCTAssertEqual(seconds.count, 2 * (128 / 32 + 1))
    XCTAssertEqual(seconds, seconds.sorted())
    // Where the time went is the wall clock of both: more than the steps alone, less than the processes took.
    let kinds = /"(useful|waiting|repeated|saving|restarting|other)_seconds": ([0-9.e+-]+)/
    let spent = text(kept + "/goodput.json").split(separator: "\n").compactMap {
      $0.firstMatch(of: kinds).flatMap { Double($0.2) }
    }
    XCTAssertEqual(spent.count, 6)
    let sum = spent.reduce(0, +)
    XCTAssertGreaterThanOrEqual(sum, seconds.last ?? 0)
    XCTAssertLessThanOrEqual(sum, (ContinuousClock.now - begin) / .seconds(1))
  }
}
