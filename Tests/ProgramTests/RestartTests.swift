import Foundation
import TestSupport
import XCTest

/// Training under scripts/train-restart: failures, requests to stop, and hosts that are left out.
final class RestartTests: GoingOnTestCase {
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

  /// The launcher is killed before anyone has looked at its ranks.
  func testSegmentsOfRanksThatNobodyHasSeenAreSweptUp() throws {
    // What Open MPI leaves then: its session folder with the number of its own job, and the ranks' segments.
    let launcher = folder + "/launcher"
    try #"""
    #!/bin/sh
    host=$(hostname)
    session="$TMPDIR/ompi.${host%%.*}.$(id -u)/pid.$$"
    mkdir -p "$session"
    job=$((4096 + $$ % 4096))
    echo "$((job * 65536)).0;tcp://127.0.0.1:1" >"$session/contact.txt"
    segment=/dev/shm/vader_segment.$host.$(id -u).$(printf %x "$job")0001.0
    touch "$segment"
    echo "$segment" >>"$0.segments"
    kill -KILL $$
    """#.write(toFile: launcher, atomically: true, encoding: .utf8)
    chmod(launcher, 0o755)
    let output = folder + "/swept"
    let restart = try start(
      [
        "env", "TMPDIR=\(folder)", "scripts/train-restart", "--same-step", "2", launcher,
        "--checkpoint", kept,
      ], output)
    restart.waitUntilExit()
    XCTAssertEqual(restart.terminationStatus, 137, text(output + ".errors"))
    let segments = text(launcher + ".segments").split(separator: "\n")
    XCTAssertEqual(segments.count, 2)
    for segment in segments {
      XCTAssertFalse(FileManager.default.fileExists(atPath: String(segment)), "\(segment)")
    }
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
}
