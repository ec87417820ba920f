import Foundation
import TestSupport
import XCTest

/// Host memory where it cannot be shared, is not there, or is asked for differently.
final class HostMemoryTests: ProgramTestCase {
  private func run(
    _ arguments: String..., ranks: Int = 3, options: [String] = [], wrapper: [String] = [],
    environment: [String: String] = [:]
  ) throws -> ProgramRunner.Outcome {
    let before = leftovers()
    let outcome = try ProgramRunner(timeLimit: 60).run(
      "MemoryWorker", arguments, ranks: ranks, options: options, wrapper: wrapper,
      environment: ["ALLREDUCE_DEADLINE": "30"].merging(environment) { $1 })
    XCTAssertEqual(outcome.leftBehind, [])
    var after = leftovers().subtracting(before)
    for _ in 0..<50 where !after.isEmpty {
      // Another job's, or one that its process is about to let go.
      usleep(20_000)
      after.formIntersection(leftovers())
    }
    XCTAssertEqual(after, [])
    return outcome
  }

  /// Files in memory and System V segments of this system, without those of MPI's messages.
  private func leftovers() -> Set<String> {
    let files = (try? FileManager.default.contentsOfDirectory(atPath: "/dev/shm")) ?? []
    let segments = (try? String(contentsOfFile: "/proc/sysvipc/shm", encoding: .utf8)) ?? ""
    let ours = files.filter { !$0.hasPrefix("vader_segment") && !$0.hasPrefix("sm_segment") }
    return Set(
      ours + segments.split(separator: "\n").map { "segment \($0.split(separator: " ")[1])" })
  }

  /// Skips the test where a command cannot run here.
  private func require(_ command: String...) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = command
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    try XCTSkipIf(
      process.terminationStatus != 0,
      "this system does not allow: \(command.joined(separator: " "))")
  }

  private func checkSums(
    _ outcome: ProgramRunner.Outcome, on hosts: String, line: UInt = #line
  ) {
    XCTAssertEqual(outcome.exitCode, 0, outcome.errors, line: line)
    XCTAssertFalse(outcome.output.contains("WRONG"), outcome.output, line: line)
    XCTAssertTrue(
      outcome.output.contains("sums are right on \(hosts)"), outcome.output, line: line)
  }

  private func checkRefused(
    _ outcome: ProgramRunner.Outcome, _ texts: String..., line: UInt = #line
  ) {
    XCTAssertEqual(outcome.exitCode, 70, outcome.errors, line: line)
    XCTAssertFalse(outcome.timedOut, line: line)
    XCTAssertFalse(outcome.output.contains("survived"), line: line)
    XCTAssertEqual(
      outcome.errorLines(beginningWith: "error:").count, 1, outcome.errors, line: line)
    for text in texts { XCTAssertTrue(outcome.errors.contains(text), outcome.errors, line: line) }
  }

  // MARK: Another process's memory

  /// Every rank is process 1 and finds its own memory where it looks for the others'.
  func testRanksInProcessNamespacesOfTheirOwn() throws {
    try require("unshare", "--pid", "--fork", "--mount-proc", "true")
    let outcome = try run(
      "sum", options: ["--mca", "btl", "self,tcp"],
      wrapper: ["unshare", "--pid", "--fork", "--mount-proc"])
    checkSums(outcome, on: "[[0, 1, 2]]")
  }

  func testRanksThatCanShareNothingAreHostsOfTheirOwn() throws {
    try require("unshare", "--pid", "--ipc", "--fork", "--mount-proc", "true")
    let outcome = try run(
      "sum", options: ["--mca", "btl", "self,tcp"],
      wrapper: ["unshare", "--pid", "--ipc", "--fork", "--mount-proc"])
    checkSums(outcome, on: "[[0], [1], [2]]")
    let warnings = outcome.errorLines(beginningWith: "warning: ranks 0, 1 and 2 on ")
    XCTAssertEqual(warnings.count, 1, outcome.errors)
    XCTAssertTrue(
      warnings.first?.contains("cannot share memory (/proc/1/fd/") ?? false, outcome.errors)
  }

  func testRanksThatCanShareAreAHost() throws {
    try require("unshare", "--pid", "--ipc", "--fork", "--mount-proc", "true")
    let alone =
      "[ $OMPI_COMM_WORLD_RANK != 2 ] || exec unshare --pid --ipc --fork --mount-proc \"$0\" \"$@\"; "
      + "exec \"$0\" \"$@\""
    let outcome = try run(
      "sum", options: ["--mca", "btl", "self,tcp"], wrapper: ["sh", "-c", alone])
    checkSums(outcome, on: "[[0, 1], [2]]")
    XCTAssertTrue(
      outcome.errors.contains(
        " memory can be shared only within these groups: ranks 0 and 1; rank 2"),
      outcome.errors)
  }

  func testWithoutProc() throws {
    try require("unshare", "--mount", "mount", "-t", "tmpfs", "none", "/proc")
    let outcome = try run(
      options: ["--mca", "btl", "self,tcp"],
      wrapper: [
        "unshare", "--mount", "sh", "-c", "mount -t tmpfs none /proc && exec \"$0\" \"$@\"",
      ],
      environment: ["MEMORY_WORKER_CASE": "sum"])
    checkSums(outcome, on: "[[0, 1, 2]]")
  }

  func testEveryWayThatCanBeForced() throws {
    for (way, hosts) in [
      ("memfd", "[[0, 1, 2]]"), ("sysv", "[[0, 1, 2]]"), ("none", "[[0], [1], [2]]"),
    ] {
      let outcome = try run("sum", environment: ["ALLREDUCE_HOST_MEMORY": way])
      checkSums(outcome, on: hosts)
      XCTAssertEqual(outcome.errorLines(beginningWith: "warning:"), [], way)
    }
    let other = try run("sum", environment: ["ALLREDUCE_HOST_MEMORY": "window"])
    checkSums(other, on: "[[0, 1, 2]]")
    XCTAssertEqual(
      other.errorLines(beginningWith: "warning: ALLREDUCE_HOST_MEMORY=window is none of").count, 1)
  }

  /// What one rank may not do, none does.
  func testAWayThatOneRankIsForbidden() throws {
    let outcome = try run(
      "sum",
      wrapper: [
        "sh", "-c",
        "[ $OMPI_COMM_WORLD_RANK != 1 ] || export ALLREDUCE_HOST_MEMORY=none; exec \"$0\" \"$@\"",
      ])
    checkSums(outcome, on: "[[0], [1], [2]]")
  }

  // MARK: Systems that lack something

  /// A library that is loaded before all others and puts C functions in the place of the system's.
  private func preloaded(_ code: String, _ body: ([String: String]) throws -> Void) throws {
    try require("cc", "--version")
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("allreduce-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let (source, library) = (
      folder.appendingPathComponent("a.c"), folder.appendingPathComponent("a.so")
    )
    try code.write(to: source, atomically: true, encoding: .utf8)
    try require("cc", "-shared", "-fPIC", "-o", library.path, source.path)
    try body(["LD_PRELOAD": library.path])
  }

  private static let noMemoryFiles = """
    #include <errno.h>
    int memfd_create(const char *name, unsigned flags) { errno = ENOSYS; return -1; }

    """

  private static let noSegments = """
    #include <stddef.h>
    int shmget(int key, size_t bytes, int flags) { errno = ENOSYS; return -1; }

    """

  private static let largePages = """
    #include <unistd.h>
    long __sysconf(int name);
    long sysconf(int name) { return name == _SC_PAGESIZE ? 65536 : __sysconf(name); }

    """

  func testWithoutMemoryFiles() throws {
    try preloaded(HostMemoryTests.noMemoryFiles) { library in
      checkSums(try run("sum", environment: library), on: "[[0, 1, 2]]")
      // Its yardstick reads and writes whole cache lines of all parts.
      let bench = try ProgramRunner().run(
        "allreduce-bench",
        ["--bytes", "4,4096,300000", "--algorithms", "sharedMemory,limit", "--iterations", "3"],
        ranks: 2, environment: library)
      XCTAssertEqual(bench.exitCode, 0, bench.errors)
    }
    try preloaded(HostMemoryTests.noMemoryFiles + HostMemoryTests.noSegments) { library in
      let outcome = try run("sum", environment: library)
      checkSums(outcome, on: "[[0], [1], [2]]")
      XCTAssertTrue(
        outcome.errors.contains("cannot share memory (memfd_create: Function not implemented)"),
        outcome.errors)
    }
  }

  func testPagesOf64KiB() throws {
    try preloaded(HostMemoryTests.largePages) { library in
      checkSums(try run("sum", environment: library), on: "[[0, 1, 2]]")
      let second = library.merging(["ALLREDUCE_HOST_MEMORY": "sysv"]) { $1 }
      checkSums(try run("sum", environment: second), on: "[[0, 1, 2]]")
    }
  }

  // MARK: No memory

  func testAnArenaLargerThanMemory() throws {
    let outcome = try run("arena", "1000000000000", ranks: 2)
    checkRefused(
      outcome, "an arena of 1000000000000 float (4.0 TB a rank) on ranks 0 and 1 of ",
      " needs 8.0 TB, but only ", " are available")
  }

  /// What one rank takes is there; what all take is not.
  func testArenasThatTogetherAreLargerThanMemory() throws {
    let lines = try String(contentsOfFile: "/proc/meminfo", encoding: .utf8).split(separator: "\n")
    let free = lines.filter { $0.hasPrefix("MemAvailable:") || $0.hasPrefix("SwapFree:") }
      .compactMap { Int($0.split(separator: " ")[1]) }.reduce(0, +)
    // Two thirds of it in numbers of four bytes.
    let outcome = try run("arena", "\(free * 1024 / 6)", ranks: 2)
    checkRefused(outcome, " on ranks 0 and 1 of ", " needs ", " are available")
  }

  func testALimitOfAddresses() throws {
    let limited = ["sh", "-c", "ulimit -v 3000000; exec \"$0\" \"$@\""]
    let outcome = try run("arena", "500000000", ranks: 2, wrapper: limited)
    checkRefused(outcome, " needs 4.0 GB of address space, but ulimit -v leaves only 2.", " GB")

    let training = try ProgramRunner().run(
      "train-classifier",
      ["--data", "digits", "--layers", "64,16777216,10", "--global-batch-size", "8"], ranks: 2,
      wrapper: limited, environment: ["ALLREDUCE_DEADLINE": "30"])
    checkRefused(training, " needs ", " GB of address space, but ulimit -v leaves only 2.", " GB")
    XCTAssertEqual(training.leftBehind, [])

    let alone = try ProgramRunner().run(
      "train-classifier",
      ["--data", "digits", "--layers", "64,16777216,10", "--global-batch-size", "8"],
      wrapper: limited)
    checkRefused(alone, " but ulimit -v leaves only ", " GB")
  }

  /// A memory file may not grow; a segment may.
  func testALimitOfFileSize() throws {
    let outcome = try run(
      "sum", "3000000", options: ["--mca", "btl", "self,tcp"],
      wrapper: ["sh", "-c", "ulimit -f 1000; exec \"$0\" \"$@\""])
    checkSums(outcome, on: "[[0, 1, 2]]")
  }

  /// The limit of a container, or of a job of a batch system.
  func testALimitOfAControlGroup() throws {
    let folder = "/sys/fs/cgroup/memory/allreduce-test-\(getpid())"
    let hierarchy = FileManager.default.fileExists(
      atPath: "/sys/fs/cgroup/memory/memory.limit_in_bytes")
    try XCTSkipUnless(
      hierarchy && mkdir(folder, 0o755) == 0, "control groups cannot be made here")
    defer { rmdir(folder) }
    try "500000000".write(
      toFile: folder + "/memory.limit_in_bytes", atomically: false, encoding: .utf8)
    let outcome = try run(
      "arena", "100000000", ranks: 2,
      wrapper: ["sh", "-c", "echo $$ >\(folder)/cgroup.procs; exec \"$0\" \"$@\""])
    checkRefused(outcome, " needs 80", " MB, but only ", " MB are available")
    // Weights are private, and taken at the touch.
    for strategy in ["data", "model", "hybrid"] {
      let training = try ProgramRunner().run(
        "train-classifier",
        [
          "--data", "digits", "--layers", "64,4194304,10", "--global-batch-size", "8",
          "--strategy", strategy,
        ], ranks: 2,
        wrapper: ["sh", "-c", "echo $$ >\(folder)/cgroup.procs; exec \"$0\" \"$@\""])
      checkRefused(training, " on ranks 0 and 1 of ", " needs ", " MB are available")
    }
  }

  func testNothingIsLeftWhenARankIsKilled() throws {
    for way in ["memfd", "sysv"] {
      let outcome = try run("kill", "100000", environment: ["ALLREDUCE_HOST_MEMORY": way])
      XCTAssertEqual(outcome.exitCode, 137, outcome.errors)
    }
  }

  // MARK: Ranks that ask for different things

  func testOtherArenasOnOtherRanks() throws {
    checkRefused(
      try run("other-count", "500"), "rank 0 makes an arena of 500 float (2.0 KB a rank)",
      "rank 2 makes an arena of 1000 float (4.0 KB a rank)")
    checkRefused(
      try run("other-type", "500"), "rank 0 makes an arena of 500 float",
      "rank 2 makes an arena of 500 int32")
    checkRefused(
      try run("other-sharing", "500"), "rank 0 makes an arena of 500 float (2.0 KB a rank)",
      "rank 2 makes an arena of 500 float (2.0 KB a host)")
  }
}
