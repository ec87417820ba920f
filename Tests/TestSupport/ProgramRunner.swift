public import Foundation

/// Starts the package's programs, alone or under mpirun, and collects what they print.
public struct ProgramRunner {
  /// What a finished program left.
  public struct Outcome {
    /// The exit code; 128 and more for a signal.
    public let exitCode: Int32
    /// All of standard output.
    public let output: String
    /// All of standard error, with mpirun's own words.
    public let errors: String
    /// From start to end.
    public let seconds: Double
    /// Whether it was ended because it took too long.
    public let timedOut: Bool
    /// Processes of the job that were still alive a moment after its end.
    public let leftBehind: [String]

    /// The lines of standard error that begin with a text.
    public func errorLines(beginningWith text: String) -> [String] {
      // Open MPI 5 ends some of its own words with a zero byte.
      errors.split(separator: "\n").map { String($0.drop { $0 == "\0" }) }
        .filter { $0.hasPrefix(text) }
    }
  }

  /// Seconds after which a program is ended.
  public var timeLimit: Double

  /// By how much time limits are longer than on a machine with nothing else to do: ALLREDUCE_TEST_PATIENCE.
  public static let patience =
    ProcessInfo.processInfo.environment["ALLREDUCE_TEST_PATIENCE"].flatMap(Double.init).map {
      max($0, 1)
    } ?? 1

  /// ALLREDUCE_DEADLINE of a job that is to reach it soon: longer than such a job takes to start.
  public static let shortDeadline = "\(Int(patience.rounded(.up)))"

  /// Creates a runner.
  ///
  /// - Parameter timeLimit: Seconds after which a program is ended, times ``patience``.
  public init(timeLimit: Double = 60) {
    self.timeLimit = timeLimit * ProgramRunner.patience
  }

  /// Where the built programs lie: beside the test executable.
  public static var directory: URL {
    URL(fileURLWithPath: CommandLine.arguments[0]).standardizedFileURL.deletingLastPathComponent()
  }

  /// Whether the tests themselves run as ranks of a job, which cannot start another job.
  public static var isInsideJob: Bool {
    ProcessInfo.processInfo.environment["OMPI_COMM_WORLD_SIZE"] != nil
  }

  /// Runs a built program.
  ///
  /// - Parameters:
  ///   - program: Its name.
  ///   - arguments: Its command line.
  ///   - ranks: How many ranks mpirun starts; nil starts it without mpirun.
  ///   - options: More options of mpirun.
  ///   - wrapper: The command that starts the program on each rank, such as `unshare --pid --fork`.
  ///   - environment: Variables to add.
  /// - Returns: What it left.
  /// - Throws: If it cannot be started.
  public func run(
    _ program: String, _ arguments: [String] = [], ranks: Int? = nil,
    options: [String] = [], wrapper: [String] = [], environment: [String: String] = [:]
  ) throws -> Outcome {
    let (outcome, isLauncherAlone) = try runOnce(
      program, arguments, ranks: ranks, options: options, wrapper: wrapper, environment: environment
    )
    guard isLauncherAlone else { return outcome }
    // That says nothing of the program: mpirun of Open MPI 4.1 hangs now and then when its ranks have ended.
    return try runOnce(
      program, arguments, ranks: ranks, options: options, wrapper: wrapper, environment: environment
    ).outcome
  }

  private func runOnce(
    _ program: String, _ arguments: [String], ranks: Int?, options: [String], wrapper: [String],
    environment: [String: String]
  ) throws -> (outcome: Outcome, isLauncherAlone: Bool) {
    let path = ProgramRunner.directory.appendingPathComponent(program).path
    let program = wrapper + [path]
    let launch = ranks.map { ["mpirun", "-np", "\($0)"] + options + program } ?? program
    // Files, not pipes: a full pipe without a reader would stop the program.
    let scratch = FileManager.default.temporaryDirectory
      .appendingPathComponent("allreduce-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: scratch) }
    let (output, errors) = (
      scratch.appendingPathComponent("1"), scratch.appendingPathComponent("2")
    )
    for file in [output, errors] { try Data().write(to: file) }

    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = launch + arguments
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = try FileHandle(forWritingTo: output)
    process.standardError = try FileHandle(forWritingTo: errors)
    let token = UUID().uuidString
    process.environment = jobEnvironment(token).merging(environment) { $1 }

    let clock = ContinuousClock()
    let start = clock.now
    try process.run()
    let (timedOut, isAlone) = wait(for: process, since: start, token)
    let seconds = (clock.now - start) / .seconds(1)
    let signalled = process.terminationReason == .uncaughtSignal
    let outcome = Outcome(
      exitCode: (signalled ? 128 : 0) + process.terminationStatus,
      output: String(decoding: try Data(contentsOf: output), as: UTF8.self),
      errors: String(decoding: try Data(contentsOf: errors), as: UTF8.self),
      seconds: seconds, timedOut: timedOut,
      // A program alone starts no other process.
      leftBehind: ranks == nil && wrapper.isEmpty ? [] : remaining(token))
    return (outcome, isAlone && ranks != nil)
  }

  /// Waits for the end, and ends what takes too long.
  ///
  /// - Returns: Whether it took too long, and whether all other processes of the job had ended by then.
  private func wait(
    for process: Process, since start: ContinuousClock.Instant, _ token: String
  ) -> (timedOut: Bool, isAlone: Bool) {
    let clock = ContinuousClock()
    var (timedOut, isAlone) = (false, false)
    while process.isRunning {
      let limit = timeLimit + (timedOut ? 5 : 0)
      if clock.now - start > .seconds(limit) {
        // mpirun passes the first signal on to its ranks.
        if timedOut {
          kill(process.processIdentifier, SIGKILL)
        } else {
          isAlone = holders(of: token) == ["\(process.processIdentifier)"]
          process.terminate()
        }
        timedOut = true
      }
      usleep(2_000)
    }
    process.waitUntilExit()
    return (timedOut, isAlone)
  }

  private func jobEnvironment(_ token: String) -> [String: String] {
    ProgramRunner.jobEnvironment.merging([ProgramRunner.tokenName: token]) { $1 }
  }

  /// This process's environment without that of a job that it belongs to, which would be mistaken for the new job's.
  ///
  /// Tests that use MPI in this process leave such variables too.
  public static var ownEnvironment: [String: String] {
    ProcessInfo.processInfo.environment.filter { variable in
      !["OMPI_", "PMIX_", "ORTE_", "OPAL_"].contains { variable.key.hasPrefix($0) }
    }
  }

  /// The environment of a job that a test starts.
  public static var jobEnvironment: [String: String] {
    ownEnvironment.merging(launchEnvironment) { $1 }
      // A user's own choices would change what is tested.
      .merging(["ALLREDUCE_TUNING": "none"]) { $1 }
  }

  /// What mpirun needs as root and with more ranks than processors, PRTE_... for Open MPI 5; and what lets ranks start
  /// sooner, as they would start by themselves.
  public static let launchEnvironment: [String: String] = {
    var variables = [
      "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
      "PRTE_ALLOW_RUN_AS_ROOT": "1", "PRTE_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
      "OMPI_MCA_rmaps_base_oversubscribe": "1",
      "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
      // A rank without mpirun starts a daemon of its own otherwise, for ranks that it might start.
      "OMPI_MCA_ess_singleton_isolated": "1",
    ]
    // Without such a card this is what Open MPI chooses, after a fifth of a second of trying the others.
    if !FileManager.default.fileExists(atPath: "/sys/class/infiniband") {
      variables["OMPI_MCA_pml"] = "ob1"
    }
    return variables
  }()

  private static let tokenName = "ALLREDUCE_TEST_JOB"

  /// Processes that inherited the job's token. Zombies, which have ended and were not reaped, have no
  /// environment and do not count.
  private func remaining(_ token: String) -> [String] {
    for attempt in 0..<20 {
      let found = holders(of: token)
      if found.isEmpty || attempt == 19 { return found }
      usleep(50_000)
    }
    return []
  }

  private func holders(of token: String) -> [String] {
    let variable = Data("\(ProgramRunner.tokenName)=\(token)".utf8)
    let processes = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return processes.filter { name in
      guard Int(name) != nil,
        let environment = FileManager.default.contents(atPath: "/proc/\(name)/environ")
      else { return false }
      return environment.range(of: variable) != nil
    }
  }
}
