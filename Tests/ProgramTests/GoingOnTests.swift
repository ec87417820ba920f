import Foundation
import TestSupport
import XCTest

/// Training that goes on: signals, files, the status, restarts, a full disk.
final class GoingOnTests: KeptRunTestCase {
  private var kept: String { folder + "/kept" }
  private var newest: String { kept + "/checkpoint.safetensors" }

  private let run = [
    "--data", "digits", "--data-limit", "128", "--layers", "64,12,relu,dropout:0.2,10",
    "--global-batch-size", "32", "--format", "json",
  ]

  /// So that a run of the same length without it takes less time.
  private let slowly = ["--straggler", "1:20"]

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

  /// Starts a program, alone or under a launcher, with its output in a file.
  private func start(_ command: [String], _ output: String) throws -> Process {
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

  private func text(_ path: String) -> String {
    (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
  }

  private func program(_ name: String) -> String {
    ProgramRunner.directory.appendingPathComponent(name).path
  }

  /// Waits for something, for a minute at most.
  private func wait(_ what: String, line: UInt = #line, until isDone: () throws -> Bool) rethrows {
    let end = Date() + 60 * ProgramRunner.patience
    while try !isDone() {
      if Date() > end { return XCTFail("\(what) did not come", line: line) }
      usleep(20_000)
    }
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
  func testARunThatFailsIsStartedAgain() throws {
    let keeping = run + ["--checkpoint", kept, "--checkpoint-every", "auto", "--epochs"]
    let output = folder + "/restarted"
    let restart = try start(
      ["scripts/train-restart", "mpirun", "-np", "2", program("train-classifier")] + keeping
        + ["1000000"] + slowly, output)
    defer { restart.terminate() }
    var before = ""
    for _ in 0..<2 {
      var launcher = 0
      wait("a new state") {
        let now = text(kept + "/goodput.json")
        guard FileManager.default.fileExists(atPath: newest), now != before,
          let job = (try? jobs(ofChildren: restart))?.first
        else { return false }
        (before, launcher) = (now, job)
        return true
      }
      kill(pid_t(launcher), SIGKILL)
    }
    wait("two failures") { text(output + ".errors").contains("failure 2, with") }
    wait("new steps") {
      let now = text(kept + "/goodput.json")
      return now.contains("\"failures\": 2")
    }
    try Data().write(to: URL(fileURLWithPath: kept + "/stop"))
    restart.waitUntilExit()
    XCTAssertEqual(restart.terminationStatus, 75, text(output + ".errors"))
    let stopped = try JSONDecoder.ofPrograms.decode(
      ClassifierOutput.self, from: Data(text(output).utf8))
    XCTAssertTrue(stopped.stopped)
    XCTAssertGreaterThan(stopped.goodput.restartingSeconds, 0)
    let epochs = "\(stopped.steps / 4 + 2)"
    let resumed = try ClassifierOutput.of(keeping + [epochs, "--resume"], ranks: 2)
    let whole = try ClassifierOutput.of(run + ["--epochs", epochs], ranks: 2)
    XCTAssertEqual(resumed.weightsChecksum, whole.weightsChecksum)
    XCTAssertEqual(resumed.trainLoss, whole.trainLoss)
  }

  /// A rank of the launcher that a script has started.
  private func jobs(ofChildren script: Process) throws -> [Int] {
    func children(_ process: Int32) -> [Int32] {
      text("/proc/\(process)/task/\(process)/children").split(separator: " ").compactMap {
        Int32($0)
      }
    }
    return children(script.processIdentifier).flatMap(children).filter { child in
      (FileManager.default.contents(atPath: "/proc/\(child)/environ") ?? Data())
        .range(of: Data("OMPI_COMM_WORLD_RANK=1".utf8)) != nil
    }.map(Int.init)
  }

  /// Starts a script that leads a group of processes, as one that a terminal has started does.
  private func startGroup(_ command: [String], _ output: String) throws -> (Process, pid_t) {
    let file = output + ".group"
    try Data().write(to: URL(fileURLWithPath: file))
    let process = try start(
      ["setsid", "--wait", "sh", "-c", "echo $$ >\"$0\"; exec \"$@\"", file] + command, output)
    var group: pid_t = 0
    wait("the group") {
      group = pid_t(text(file).trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0
      return group > 0
    }
    return (process, group)
  }

  /// A terminal sends its signals to the whole group; the first one here comes before the training can hear it.
  func testASignalToTheGroupOfTheScriptLosesNoStep() throws {
    let output = folder + "/asked"
    var steps = 0
    for isResumed in [false, true] {
      let late = ["sh", "-c", "touch \"$0\"; sleep 0.5; exec \"$@\"", folder + "/begun"]
      let (restart, group) = try startGroup(
        ["scripts/train-restart"] + late
          + ["mpirun", "-np", "2", program("train-classifier")] + run + slowly
          + ["--checkpoint", kept, "--checkpoint-every", "1000000", "--epochs", "1000000"], output)
      defer { if restart.isRunning { kill(group, SIGTERM) } }
      wait(isResumed ? "a step" : "an attempt") {
        isResumed
          ? text(kept + "/goodput.json").contains("\"has_ended\": false")
          : FileManager.default.fileExists(atPath: folder + "/begun")
      }
      kill(-group, SIGTERM)
      restart.waitUntilExit()
      XCTAssertEqual(restart.terminationStatus, 75, text(output + ".errors"))
      let stopped = try JSONDecoder.ofPrograms.decode(
        ClassifierOutput.self, from: Data(text(output).utf8))
      XCTAssertTrue(stopped.stopped)
      XCTAssertEqual(stopped.resumedAtStep, isResumed ? steps : nil)
      XCTAssertGreaterThan(stopped.steps, steps)
      steps = stopped.steps
      XCTAssertFalse(FileManager.default.fileExists(atPath: kept + "/stop"))
    }
  }

  func testARequestThatNoTrainingHasTakenIsForgotten() throws {
    try FileManager.default.createDirectory(atPath: kept, withIntermediateDirectories: false)
    let output = folder + "/asked"
    let restart = try start(
      ["scripts/train-restart", "sh", "-c", "touch \"$0\"; sleep 1; exit 70", folder + "/begun"]
        + ["--checkpoint", kept], output)
    wait("an attempt") { FileManager.default.fileExists(atPath: folder + "/begun") }
    kill(restart.processIdentifier, SIGTERM)
    restart.waitUntilExit()
    XCTAssertEqual(restart.terminationStatus, 75, text(output + ".errors"))
    XCTAssertTrue(
      text(output + ".errors").contains("asked to stop, the training failed with 70"),
      text(output + ".errors"))
    XCTAssertFalse(FileManager.default.fileExists(atPath: kept + "/stop"))
  }

  /// Writes a script that stands for ssh: a host whose name begins with "lost" does not answer.
  private func writeAsking(_ first: String = ":") throws -> String {
    let path = folder + "/ask"
    try "#!/bin/sh\n\(first)\ncase $1 in lost*) exit 1;; esac\n".write(
      toFile: path, atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
    return path
  }

  /// Ends with 70 each time and writes down what it was started with.
  private var failing: [String] {
    [
      "sh", "-c", "echo \"$@\" >>\"$0\"; [ ! -f \"$2\" ] || cp \"$2\" \"$0.hosts\"; exit 70",
      folder + "/starts",
    ]
  }

  /// What the second attempt was started with, when the first had `words` and failed.
  private func secondStart(_ words: [String], line: UInt = #line) throws -> String {
    try Data().write(to: URL(fileURLWithPath: folder + "/starts"))
    let restart = try start(
      ["scripts/train-restart", "--same-step", "2", "--rsh", try writeAsking()] + failing + words
        + ["--checkpoint", kept], folder + "/left")
    restart.waitUntilExit()
    let starts = text(folder + "/starts").split(separator: "\n")
    XCTAssertEqual(starts.count, 2, text(folder + "/left.errors"), line: line)
    return starts.last.map(String.init) ?? ""
  }

  func testHostsThatDoNotAnswerAreLeftOut() throws {
    // This host is not asked, and there is room for all ranks.
    for own in ["localhost", "127.0.0.1", ProcessInfo.processInfo.hostName] {
      XCTAssertEqual(
        try secondStart(["-np", "2", "--host", "\(own):2,lost:2"]),
        "-np 2 --host \(own):2 --checkpoint \(kept)")
    }
    // Half of the ranks. If there is a state its global batch stays, which a batch of a rank would change.
    let halved = ["-np", "4", "--host", "here:2,lost:2", "--batch-size", "08"]
    XCTAssertEqual(
      try secondStart(halved), "-np 2 --host here:2 --batch-size 08 --checkpoint \(kept)")
    try FileManager.default.createDirectory(atPath: kept, withIntermediateDirectories: false)
    try "a state".write(toFile: newest, atomically: true, encoding: .utf8)
    XCTAssertEqual(
      try secondStart(halved), "-np 2 --host here:2 --checkpoint \(kept) --resume")
  }

  func testHostsOfAFileThatDoNotAnswerAreLeftOut() throws {
    try "# all\nhere slots=2\nlost slots=2 max_slots=4\nthere slots=1 # last\n".write(
      toFile: folder + "/hosts", atomically: true, encoding: .utf8)
    let second = try secondStart(["--hostfile", folder + "/hosts", "-np", "5"])
    XCTAssertTrue(second.hasSuffix(" -np 3 --checkpoint \(kept)"), second)
    XCTAssertFalse(second.contains(folder + "/hosts"), second)
    XCTAssertEqual(text(folder + "/starts.hosts"), "here slots=2 \nthere slots=1 \n")
  }

  func testASignalWhileHostsAreAskedIsNotForgotten() throws {
    let output = folder + "/asked"
    let restart = try start(
      ["scripts/train-restart", "--rsh", try writeAsking("touch \(folder)/asks; sleep 1")] + failing
        + ["-np", "4", "--host", "here:2,lost:2", "--checkpoint", kept], output)
    wait("the question") { FileManager.default.fileExists(atPath: folder + "/asks") }
    kill(restart.processIdentifier, SIGTERM)
    restart.waitUntilExit()
    XCTAssertEqual(restart.terminationStatus, 75, text(output + ".errors"))
    XCTAssertEqual(text(folder + "/starts").split(separator: "\n").count, 1)
  }

  func testTheOldestStateIsResumedFromIfTheOthersAreDamaged() throws {
    let keeping = run + ["--checkpoint", kept, "--checkpoint-keep", "3", "--epochs"]
    let first = try ClassifierOutput.of(keeping + ["3"], ranks: 2)
    for name in ["checkpoint", "checkpoint.1"] {
      try "no state".write(
        toFile: kept + "/\(name).safetensors", atomically: true, encoding: .utf8)
    }
    let output = folder + "/resumed"
    let restart = try start(
      ["scripts/train-restart", "mpirun", "-np", "2", program("train-classifier")]
        + keeping + ["4"], output)
    restart.waitUntilExit()
    XCTAssertEqual(restart.terminationStatus, 0, text(output + ".errors"))
    let resumed = try JSONDecoder.ofPrograms.decode(
      ClassifierOutput.self, from: Data(text(output).utf8))
    XCTAssertEqual(resumed.resumedAtStep, first.steps / 3)
  }

  /// As where all ranks are on other hosts: the script sees none of them.
  func testATrainingWithoutRanksOnThisHostIsNotEnded() throws {
    let output = folder + "/elsewhere"
    let restart = try start(
      ["scripts/train-restart", "--same-step", "1", "--start-limit", "2"]
        + ["env", "-u", "ALLREDUCE_RESTART", "mpirun", "-np", "2", program("train-classifier")]
        + run + ["--straggler", "1:200", "--checkpoint", kept, "--checkpoint-every", "auto"]
        + ["--epochs", "1000000"], output)
    defer { restart.terminate() }
    sleep(4)
    XCTAssertTrue(restart.isRunning, text(output + ".errors"))
    kill(restart.processIdentifier, SIGTERM)
    restart.waitUntilExit()
    XCTAssertEqual(restart.terminationStatus, 75, text(output + ".errors"))
  }

  func testALauncherThatStartsNoRankIsEnded() throws {
    let output = folder + "/nothing"
    let restart = try start(
      ["scripts/train-restart", "--same-step", "1", "--start-limit", "1"]
        + ["env", "-u", "ALLREDUCE_RESTART", "sh", "-c", "sleep 50; :", "--checkpoint", kept],
      output)
    restart.waitUntilExit()
    XCTAssertEqual(restart.terminationStatus, 137, text(output + ".errors"))
    XCTAssertTrue(
      text(output + ".errors").contains("no rank has begun in 1 s"), text(output + ".errors"))
  }

  func testARunThatNeverGetsFurtherIsGivenUp() throws {
    let output = folder + "/given-up"
    let restart = try start(
      [
        "scripts/train-restart", "--same-step", "2", "sh", "-c", "exit 70", "--checkpoint", kept,
      ], output)
    restart.waitUntilExit()
    XCTAssertEqual(restart.terminationStatus, 70)
    XCTAssertTrue(
      text(output + ".errors").contains("has failed 2 times before its first state"),
      text(output + ".errors"))
  }

  func testAFullDiskEndsNoTraining() throws {
    try FileManager.default.createDirectory(atPath: kept, withIntermediateDirectories: false)
    // Room for one state of 300 kB and a half.
    let outcome = try ProgramRunner().run(
      "train-classifier",
      [
        "--data", "digits", "--data-limit", "128", "--layers", "64,500,relu,10", "--format", "json",
        "--global-batch-size", "32", "--epochs", "3", "--checkpoint", kept,
      ],
      wrapper: [
        "unshare", "--mount", "sh", "-c",
        "mount -t tmpfs -o size=600k,mode=700 none \(kept) || { echo no mount; exit 77; }; exec \"$@\"",
        "sh",
      ])
    try XCTSkipIf(outcome.exitCode == 77 || outcome.errors.contains("unshare"), outcome.errors)
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
    try FileManager.default.createDirectory(atPath: kept, withIntermediateDirectories: false)
    let outcome = try ProgramRunner().run(
      "train-classifier",
      run + ["--epochs", "60", "--log", kept + "/log", "--tensorboard", kept + "/events"],
      wrapper: [
        "unshare", "--mount", "sh", "-c",
        "mount -t tmpfs -o size=32k none \(kept) || { echo no mount; exit 77; }; exec \"$@\"",
        "sh",
      ])
    try XCTSkipIf(outcome.exitCode == 77 || outcome.errors.contains("unshare"), outcome.errors)
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
