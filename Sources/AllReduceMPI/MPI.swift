internal import CMPI

/// The process's membership of an MPI job.
public enum MPI {
  /// What this rank keeps while MPI is initialised.
  ///
  /// Only the thread that called ``run(threading:_:)`` touches it (MPI is used funneled), so it
  /// needs no lock; the compiler cannot know that.
  nonisolated(unsafe) private(set) static var runtime: Runtime?

  final class Runtime {
    let engine: ProgressEngine
    let watchdog: Watchdog
    let who: String
    /// Which host each world rank is on: the lowest world rank there.
    let hostOfWorldRank: [Int]
    /// The ways to share a host's memory, the first one to be tried first.
    let hostMemoryWays: [HostMemoryWay]
    /// The hosts and processes of the ranks.
    package let peers: Peers
    /// What the job's file of measured choices says.
    let tuning: TuningText?
    /// Communicators that this rank has let go of.
    let graveyard = Graveyard()
    /// How many communicators of all ranks were made.
    var worldCount: UInt64 = 0

    init(rank: Int, size: Int, host: String) throws(MPIError) {
      watchdog = Watchdog.shared
      who = "rank \(rank) on \(host)"
      let hosts = try watchdog.guarding("MPI_Comm_split_type") { () throws(MPIError) in
        try HostProbe.run(rank: rank, size: size, host: host)
      }
      (hostOfWorldRank, hostMemoryWays) = (hosts.hostOfWorldRank, hosts.ways)
      peers = try Peers(me: rank, hostOf: hostOfWorldRank, host: host)
      watchdog.know(peers, who: who)
      tuning = try TuningText.shared(rank: rank)
      engine = ProgressEngine(who: who, worldRank: rank)
      if size > 1 {
        var control: MPI_Comm?
        let code = watchdog.guarding("MPI_Comm_dup") {
          MPI_Comm_dup(cmpi_comm_world(), &control)
        }
        try MPIError.check(code, "MPI_Comm_dup")
        engine.control = try ControlChannel(
          owning: control!, hosts: hostOfWorldRank, engine: engine)
      }
    }
  }

  /// The runtime, for code that can only run while MPI is initialised.
  static var current: Runtime {
    guard let runtime else {
      preconditionFailure("MPI is not running: use communicators only inside MPI.run { world in }.")
    }
    return runtime
  }

  /// Runs `body` as one rank of the job: initialises MPI, hands over the communicator of all ranks,
  /// and finalises when `body` returns.
  ///
  /// Collective: every process of the job must call it, once. In a process that was started without
  /// mpirun the world has one rank. If `body` throws, the error is printed on standard error with
  /// the rank and host, and the whole job ends with the error's code (``ExitCoded``, else 70): the
  /// other ranks may be waiting for this one and could never be reached otherwise. A barrier comes
  /// before finalising.
  ///
  /// - Parameters:
  ///   - threading: The thread level that the program needs; the library itself needs `.funneled`.
  ///   - body: The program, given the communicator of all ranks. Communicators must not outlive it.
  /// - Returns: What `body` returns.
  /// - Throws: ``MPIError`` if MPI cannot be initialised, or not with the thread level asked for.
  ///
  /// `MPI_Init_thread`, `MPI_Finalize`, `MPI_Abort`
  public static func run<Result>(
    threading: ThreadLevel = .funneled, _ body: (Communicator) throws -> Result
  ) throws(MPIError) -> Result {
    let finalize = try start(threading)
    let result: Result
    do {
      let world = try world()
      result = try body(world)
      try world.barrier()
      if let control = current.engine.control {
        // A rank that learns only now of a failure answers before any rank leaves.
        control.settleAll()
        try world.barrier()
        try control.throwOwed()
      }
    } catch {
      end(with: error)
    }
    if finalize { try finish() }
    return result
  }

  /// Initialises MPI unless someone has; returns whether this call did.
  package static func start(_ threading: ThreadLevel) throws(MPIError) -> Bool {
    let watchdog = Watchdog.shared
    // Before MPI starts: a rank that never comes keeps the others waiting in there.
    if let launch = Launch.current { watchdog.start(size: launch.size) }
    var initialized: Int32 = 0
    MPI_Initialized(&initialized)
    var provided: Int32 = 0
    if initialized == 0 {
      let code = watchdog.guarding("MPI_Init_thread") {
        MPI_Init_thread(nil, nil, threading.constant, &provided)
      }
      try MPIError.check(code, "MPI_Init_thread")
    } else {
      try MPIError.check(MPI_Query_thread(&provided), "MPI_Query_thread")
    }
    let level = ThreadLevel.fromConstant(provided)
    if level < threading {
      throw MPIError(
        operation: "MPI_Init_thread",
        message: "thread level \(threading) was asked for, but this MPI provides \(level); "
          + "ask for less, or use an MPI library that was built with threads")
    }
    if Communicator.largestTag < Int(Int16.max) {
      throw MPIError(
        operation: "MPI_Comm_get_attr",
        message: "this MPI allows tags up to \(Communicator.largestTag) (MPI_TAG_UB), but the "
          + "library needs \(Int16.max), which the standard promises; use another MPI library")
    }
    if runtime == nil {
      // From here on errors of MPI come back as codes, on every communicator made from this one.
      MPI_Comm_set_errhandler(cmpi_comm_world(), cmpi_errors_return())
      let size = Communicator.size(of: cmpi_comm_world())
      watchdog.stage = .settingUp
      watchdog.start(size: size)
      runtime = try Runtime(
        rank: Communicator.rank(in: cmpi_comm_world()), size: size, host: processorName())
      if size == 1 { watchdog.stop() }
      watchdog.stage = .running
    }
    return initialized == 0
  }

  /// A fresh communicator of all ranks. Collective.
  package static func world() throws -> Communicator {
    let runtime = current
    runtime.worldCount += 1
    var copy: MPI_Comm?
    let code = runtime.watchdog.guarding("MPI_Comm_dup") {
      MPI_Comm_dup(cmpi_comm_world(), &copy)
    }
    try MPIError.check(code, "MPI_Comm_dup")
    return try Communicator(owning: copy!, id: runtime.worldCount)
  }

  /// Where communicators go that this rank lets go of; nil once MPI has ended.
  static var graveyard: Graveyard? { runtime?.graveyard }

  /// Ends MPI after ``start(_:)``. Collective.
  package static func finish() throws(MPIError) {
    let watchdog = Watchdog.shared
    NativeOperation.releaseAll()
    runtime?.graveyard.buryAll()
    runtime?.engine.control?.end()
    runtime = nil
    watchdog.stage = .finishing
    let code = watchdog.guarding("MPI_Finalize") { MPI_Finalize() }
    watchdog.stage = .done
    watchdog.stop()
    try MPIError.check(code, "MPI_Finalize")
  }

  /// Whether this process was started by a launcher, such as mpirun or srun.
  public static var isLaunched: Bool { Launch.current != nil }

  /// The world rank that the launcher gave this process, before MPI is initialised; 0 without one.
  public static var launchedRank: Int { Launch.current?.rank ?? 0 }

  static func processorName() -> String {
    var length: Int32 = 0
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(MPI_MAX_PROCESSOR_NAME)) {
      MPI_Get_processor_name($0.baseAddress, &length)
      return String(decoding: $0.prefix(Int(length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
  }

  /// Ends the job with an error that all ranks hold, from where it cannot be thrown.
  package static func end(withAgreed error: any ExitCoded) -> Never {
    end(with: AgreedError(rank: 0, message: "\(error)", exitCode: error.exitCode))
  }

  /// Prints the error and ends the job with its code, within 3 seconds.
  private static func end(with error: any Error) -> Never {
    let code = (error as? any ExitCoded)?.exitCode ?? 70
    if error is AgreedError {
      // All ranks hold the same error. Rank 0 speaks; were another faster to end the job, rank 0's
      // words could be lost.
      // If it has not by then, it is none of those that agreed.
      Watchdog.shared.stage = .ending
      if Communicator.rank(in: cmpi_comm_world()) != 0 { sleepThread(seconds: 1.5) }
      JobEnd.end(words: "error: \(error)\n", exitCode: code, within: 1.3)
    }
    JobEnd.end(words: "error: \(current.who): \(error)\n", exitCode: code, within: 2)
  }
}
