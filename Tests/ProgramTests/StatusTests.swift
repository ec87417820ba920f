import Foundation
import TestSupport
import XCTest

/// What `allreduce-status` says about jobs in which a rank is stopped, while they start, run and end.
final class StatusTests: XCTestCase {
  /// A job of FaultWorker that a test watches from outside.
  private final class Job {
    private let launcher = Process()
    private let errorFile: URL

    init(_ fault: [String], ranks: Int = 2, deadline: String) throws {
      errorFile = FileManager.default.temporaryDirectory
        .appendingPathComponent("allreduce-\(UUID().uuidString)")
      try Data().write(to: errorFile)
      launcher.executableURL = URL(fileURLWithPath: "/usr/bin/env")
      let program = ProgramRunner.directory.appendingPathComponent("FaultWorker").path
      launcher.arguments = ["mpirun", "-np", "\(ranks)", program] + fault
      launcher.environment = ProgramRunner.jobEnvironment.merging([
        "ALLREDUCE_DEADLINE": deadline
      ]) { $1 }
      launcher.standardInput = FileHandle.nullDevice
      launcher.standardOutput = FileHandle.nullDevice
      launcher.standardError = try FileHandle(forWritingTo: errorFile)
      try launcher.run()
    }

    /// Ends the job: its ranks first, because a launcher may wait for one that is stopped.
    func end() {
      for rank in ranks { kill(rank, SIGKILL) }
      usleep(200_000)
      launcher.terminate()
      // mpirun of Open MPI 4.1 hangs now and then when its ranks have ended.
      for _ in 0..<100 where launcher.isRunning { usleep(50_000) }
      if launcher.isRunning { kill(launcher.processIdentifier, SIGKILL) }
      launcher.waitUntilExit()
      try? FileManager.default.removeItem(at: errorFile)
    }

    /// The lines on the job's standard error.
    private var lines: [Substring] {
      ((try? String(contentsOf: errorFile, encoding: .utf8)) ?? "").split(separator: "\n")
    }

    /// The warnings that the job has printed.
    var warnings: String {
      lines.filter { $0.hasPrefix("warning: ") }.joined(separator: "\n")
    }

    /// The reports that the job has printed: the line that begins each, and the lines that belong to it.
    var reports: [Substring] {
      lines.filter { $0.hasPrefix("report: ") || $0.hasPrefix("  ") }
    }

    /// The processes of the job's ranks.
    private var ranks: [Int32] {
      let id = launcher.processIdentifier
      let path = "/proc/\(id)/task/\(id)/children"
      let children = try? String(contentsOfFile: path, encoding: .utf8)
      return children?.split(separator: " ").compactMap { Int32($0) } ?? []
    }

    /// The launcher's name of the job; nil before it has started a rank.
    var name: String? {
      ranks.lazy.compactMap { rank in
        let variables = FileManager.default.contents(atPath: "/proc/\(rank)/environ") ?? Data()
        return variables.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
          .first { $0.hasPrefix("PMIX_NAMESPACE=") }.map { String($0.dropFirst(15)) }
      }.first
    }
  }

  private struct Status: Decodable {
    struct Row: Decodable {
      let process: Int32
      let condition: String
      let seconds: Double?
      let number: Int?
      let limitSeconds: Double?
      let deadlineSeconds: Double?
    }
    let rows: [Row]
    let waits: [String]
    let calls: [String]?
  }

  private func text(of job: Job, _ options: [String] = []) throws -> String {
    guard let name = job.name else { return "" }
    let outcome = try ProgramRunner().run("allreduce-status", [name] + options)
    return outcome.exitCode == 0 ? outcome.output : ""
  }

  private func status(of job: Job, _ options: [String] = []) throws -> Status? {
    let text = try text(of: job, options + ["--format", "json"])
    if text.isEmpty { return nil }
    return try JSONDecoder.ofPrograms.decode(Status.self, from: Data(text.utf8))
  }

  private func wait(
    _ what: String, seconds: Double = 20, line: UInt = #line, until isDone: () throws -> Bool
  ) rethrows {
    let end = Date() + seconds * ProgramRunner.patience
    while try !isDone() {
      if Date() > end { return XCTFail("\(what) did not come", line: line) }
      usleep(50_000)
    }
  }

  /// Without a deadline too. The three jobs run at the same time, because a warning at the start takes 10 s.
  func testAStoppedRankIsNamedWhileAJobStartsRunsAndEnds() throws {
    let starting = try Job(["stop-in-start", "1"], deadline: "0")
    defer { starting.end() }
    let finishing = try Job(["stop-finalize", "1"], deadline: "0")
    defer { finishing.end() }
    let running = try Job(["reduce-for-ever"], deadline: "60")
    defer { running.end() }

    let sentence = "rank 0 waits for rank 1, which is stopped"
    for job in [starting, finishing] {
      try wait("the stopped rank") { try self.status(of: job)?.waits == [sentence] }
    }
    try checkSeveralJobs([starting, finishing, running])
    try checkAJobThatRuns(running, sentence)

    for (job, call) in [(starting, ""), (finishing, "MPI_Finalize")] {
      wait("a warning") { !job.warnings.isEmpty }
      for part in [call, " has waited 10 s for rank 1 (process ", "is stopped", "no deadline"] {
        XCTAssertTrue(part.isEmpty || job.warnings.contains(part), "\(part): \(job.warnings)")
      }
    }
    try wait("the limits") {
      try self.text(of: finishing).contains("warned at 10.0 s, no deadline")
    }
  }

  /// A line for each job, which says what it is.
  private func checkSeveralJobs(_ jobs: [Job]) throws {
    let outcome = try ProgramRunner().run("allreduce-status")
    XCTAssertEqual(outcome.exitCode, 64)
    for job in jobs {
      let line = outcome.errorLines(beginningWith: "").first {
        $0.contains(try! XCTUnwrap(job.name))
      }
      XCTAssertNotNil(
        line?.firstMatch(of: /^ *\d+ +FaultWorker +2 +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/),
        outcome.errors)
    }
  }

  private func checkAJobThatRuns(_ job: Job, _ sentence: String) throws {
    var status: Status?
    try wait("some calls, and a rank that does not wait") {
      status = try self.status(of: job)
      return status?.rows.allSatisfy { ($0.number ?? 0) > 100 } == true
        && status?.rows.contains { $0.condition == "running" } == true
    }
    // A rank that makes calls all the time has made one just now.
    for row in try XCTUnwrap(status).rows where row.condition == "running" {
      XCTAssertNil(row.seconds)
    }

    kill(try XCTUnwrap(status?.rows.last?.process), SIGSTOP)
    try wait("the stopped rank") {
      status = try self.status(of: job)
      return status?.waits == [sentence]
    }
    XCTAssertEqual(status?.rows.first?.limitSeconds, 2)
    XCTAssertEqual(status?.rows.map(\.deadlineSeconds), [60, 60])
    let text = try text(of: job)
    XCTAssertTrue(text.contains("warned at 2.0 s, ends at 60 s"), text)
    try checkCallsOfOtherHosts(job, number: try XCTUnwrap(status?.rows.last?.number))
    try checkReport(of: job, status, sentence)
  }

  /// A signal to the ranks asks for one report of their host, after which the job continues.
  private func checkReport(of job: Job, _ before: Status?, _ sentence: String) throws {
    let rows = try XCTUnwrap(before?.rows)
    for row in rows { kill(row.process, SIGUSR2) }
    wait("the report") { job.reports.count >= 4 }
    let reports = job.reports
    guard reports.count >= 4 else { return }
    XCTAssertTrue(reports[0].hasPrefix("report: the ranks of "), "\(reports)")
    XCTAssertNotNil(
      reports[1].wholeMatch(
        of:
          #/  rank 0 \(process \d+\) is waiting for [\d.]+ s in allReduce.*, number \d+, for rank 1/#
      ),
      "\(reports)")
    XCTAssertNotNil(
      reports[2].wholeMatch(of: #/  rank 1 \(process \d+\) is stopped.*number \d+.*/#),
      "\(reports)")
    XCTAssertEqual(reports[3], "  \(sentence)")
    kill(rows[1].process, SIGCONT)
    try wait("further calls") {
      try (self.status(of: job)?.rows.last?.number ?? 0) > (rows[1].number ?? 0) + 100
    }
    XCTAssertEqual(job.reports.filter { $0.hasPrefix("report: ") }.count, 1, "\(job.reports)")
  }

  /// A shell stands for ssh, and answers for a rank that has made a different call.
  private func checkCallsOfOtherHosts(_ job: Job, number: Int) throws {
    let shell = FileManager.default.temporaryDirectory
      .appendingPathComponent("allreduce-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: shell) }
    try """
    case "$*" in *--calls*) ;; *) exit 1 ;; esac
    echo '{"rows": [{"rank": 2, "host": "other", "process": 7, "condition": "running",
      "has_come": true, "is_done": false,
      "calls": [{"communicator": "1", "number": \(number), "hash": "7", "call": "barrier"}]}]}'
    """.write(to: shell, atomically: true, encoding: .utf8)
    let status = try status(
      of: job, ["--calls", "--hosts", "other", "--rsh", "sh \(shell.path)"])
    let calls = status?.calls ?? []
    XCTAssertTrue(
      calls.contains {
        $0.contains("ranks differ from call \(number) on: ") && $0.contains("allReduce")
          && $0.hasSuffix("rank 2 called barrier")
      }, "\(calls)")
  }
}
