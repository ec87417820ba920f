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
    /// What the job's file of measured choices says.
    let tuning: TuningText?

    init(rank: Int, size: Int, host: String) throws(MPIError) {
      hostOfWorldRank = try Runtime.findHosts(rank: rank, size: size)
      tuning = try TuningText.shared(rank: rank)
      who = "rank \(rank) on \(host)"
      engine = ProgressEngine(who: who)
      let others = (0..<size).filter { $0 != rank }
      watchdog = Watchdog(who: who, others: describeRanks(others))
      if let deadline = Deadline.seconds, size > 1 { watchdog.start(deadline: deadline) }
    }

    private static func findHosts(rank: Int, size: Int) throws(MPIError) -> [Int] {
      var node: MPI_Comm?
      try MPIError.check(
        MPI_Comm_split_type(
          cmpi_comm_world(), Int32(MPI_COMM_TYPE_SHARED), Int32(rank), cmpi_info_null(), &node),
        "MPI_Comm_split_type")
      defer { MPI_Comm_free(&node) }
      var lowest = Int32(rank)
      try MPIError.check(MPI_Bcast(&lowest, 1, cmpi_int32(), 0, node), "MPI_Bcast")
      var all = [Int32](repeating: 0, count: size)
      try MPIError.check(
        MPI_Allgather(&lowest, 1, cmpi_int32(), &all, 1, cmpi_int32(), cmpi_comm_world()),
        "MPI_Allgather")
      return all.map { Int($0) }
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
    } catch {
      end(with: error)
    }
    if finalize { try finish() }
    return result
  }

  /// Initialises MPI unless someone has; returns whether this call did.
  package static func start(_ threading: ThreadLevel) throws(MPIError) -> Bool {
    var initialized: Int32 = 0
    MPI_Initialized(&initialized)
    var provided: Int32 = 0
    if initialized == 0 {
      try MPIError.check(
        MPI_Init_thread(nil, nil, threading.constant, &provided), "MPI_Init_thread")
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
    if runtime == nil {
      // From here on errors of MPI come back as codes, on every communicator made from this one.
      MPI_Comm_set_errhandler(cmpi_comm_world(), cmpi_errors_return())
      runtime = try Runtime(
        rank: Communicator.rank(in: cmpi_comm_world()),
        size: Communicator.size(of: cmpi_comm_world()), host: processorName())
    }
    return initialized == 0
  }

  /// A fresh communicator of all ranks. Collective.
  package static func world() throws(MPIError) -> Communicator {
    try Communicator(duplicating: cmpi_comm_world())
  }

  /// Ends MPI after ``start(_:)``. Collective.
  package static func finish() throws(MPIError) {
    NativeOperation.releaseAll()
    runtime = nil
    try MPIError.check(MPI_Finalize(), "MPI_Finalize")
  }

  /// Whether this process was started by mpirun (or another launcher of Open MPI).
  public static var isLaunched: Bool { environmentVariable("OMPI_COMM_WORLD_SIZE") != nil }

  /// The world rank that the launcher gave this process, before MPI is initialised; 0 without one.
  public static var launchedRank: Int {
    environmentVariable("OMPI_COMM_WORLD_RANK").flatMap { Int($0) } ?? 0
  }

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

  /// Prints the error and ends the job.
  private static func end(with error: any Error) -> Never {
    flushStandardStreams()
    let code = (error as? any ExitCoded)?.exitCode ?? 70
    let rank = Communicator.rank(in: cmpi_comm_world())
    if error is AgreedError {
      // All ranks hold the same error. Rank 0 speaks; were another faster to end the job, rank 0's
      // words could be lost.
      // If it has not by then, it is none of those that agreed.
      if rank != 0 { sleepThread(seconds: 3) }
      writeToStandardError("error: \(error)\n")
    } else {
      writeToStandardError("error: \(current.who): \(error)\n")
    }
    MPI_Abort(cmpi_comm_world(), code)
    endProcess(code)
  }
}
