internal import CMPI

/// The process's membership of an MPI job.
public enum MPI {
  /// The library's data on this rank while it is in a job.
  ///
  /// Only the thread that called ``run(over:threading:_:)`` accesses it (MPI is used funneled), so it needs no lock;
  /// the compiler cannot know that.
  nonisolated(unsafe) static var runtime: Runtime?

  final class Runtime {
    let engine: ProgressEngine
    let watchdog: Watchdog
    let who: String
    /// The host of each world rank, given as the lowest world rank on that host.
    let hostOfWorldRank: [Int]
    /// The ways to share a host's memory, in the order in which to try them.
    let hostMemoryWays: [HostMemoryWay]
    /// The host and process of each rank.
    package let peers: Peers
    /// The contents of the job's file of measured choices (``TuningText``); nil if there is no file.
    let tuning: TuningText?
    /// The communicators that this rank has released.
    let graveyard = Graveyard()
    /// The number of communicators of all ranks that were made.
    var worldCount: UInt64 = 0
    /// The number of the program's own communicators that this rank has duplicated.
    var duplicateCount: UInt64 = 0

    /// MPI's communicator of the job's ranks: MPI_COMM_WORLD, or a duplicate where the program has initialised MPI.
    let base: MPI_Comm

    init(over base: MPI_Comm, host: String) throws(MPIError) {
      let (rank, size) = (Communicator.rank(in: base), Communicator.size(of: base))
      self.base = base
      watchdog = Watchdog.shared
      who = "rank \(rank) on \(host)"
      let hosts = try watchdog.guarding("MPI_Comm_split_type") { () throws(MPIError) in
        try HostProbe.run(over: base, rank: rank, size: size, host: host)
      }
      (hostOfWorldRank, hostMemoryWays) = (hosts.hostOfWorldRank, hosts.ways)
      peers = try Peers(over: base, me: rank, hostOf: hostOfWorldRank, host: host)
      watchdog.know(peers, who: who)
      tuning = try TuningText.shared(over: base)
      engine = ProgressEngine(who: who, worldRank: rank)
      if size > 1 {
        engine.control = try ControlChannel(
          owning: try MPI.duplicate(base), hosts: hostOfWorldRank, engine: engine)
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

  /// Runs `body` as one rank of the job: initialises MPI, passes `body` the communicator of all ranks, and finalises
  /// MPI when `body` returns.
  ///
  /// Collective: every process of the job must call it, once. In a process that was started without mpirun, the world
  /// has one rank. If `body` throws, the error is printed on standard error with the rank and host, and the whole job
  /// ends with the error's exit code (``ExitCoded``, otherwise 70), because the other ranks may be waiting for this one
  /// and could not be reached in any other way. All ranks synchronize in a barrier before MPI is finalised.
  ///
  /// In a program that has called `MPI_Init` itself, the library neither initialises nor finalises MPI, leaves
  /// MPI_COMM_WORLD's error handler alone, and releases what it allocated when `body` returns; `MPI.run` may then be
  /// called again. Call it from the thread that called `MPI_Init`.
  ///
  /// - Parameters:
  ///   - communicator: An `MPI_Comm` of Open MPI, whose ranks form the job; only these ranks call this. The library
  ///     duplicates it, and the program still owns it. Nil for MPI_COMM_WORLD.
  ///   - threading: The thread level that the program needs; the library itself needs `.funneled`.
  ///   - body: The program, given the communicator of all ranks. Communicators must not outlive it.
  /// - Returns: The result of `body`.
  /// - Throws: ``MPIError`` if MPI cannot be initialised, or not with the thread level asked for, or if the launcher
  ///   cannot start ranks of Open MPI, such as another MPI's launcher or srun without PMIx (exit code 64).
  ///
  /// `MPI_Init_thread`, `MPI_Finalize`, `MPI_Abort`
  public static func run<Result>(
    over communicator: OpaquePointer? = nil, threading: ThreadLevel = .funneled,
    _ body: (Communicator) throws -> Result
  ) throws(MPIError) -> Result {
    precondition(runtime == nil, "MPI.run was called inside of MPI.run: use its communicator.")
    let isOurs = try start(threading, over: communicator)
    let result: Result
    do {
      let world = try world()
      result = try body(world)
      try world.barrier()
      if let control = current.engine.control {
        // A rank that learns of a failure only now reacts to it before any rank leaves.
        control.settleAll()
        try world.barrier()
        try control.throwOwed()
      }
    } catch {
      end(with: error)
    }
    try finish(finalizing: isOurs)
    return result
  }

  /// Whether this process was started by a launcher, such as mpirun or srun.
  package static var isLaunched: Bool { Launch.current != nil }

  /// The world rank that the launcher gave this process, known before MPI is initialised; 0 without a launcher.
  package static var launchedRank: Int { Launch.current?.rank ?? 0 }

  static func processorName() -> String {
    var length: Int32 = 0
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(MPI_MAX_PROCESSOR_NAME)) {
      MPI_Get_processor_name($0.baseAddress, &length)
      return String(decoding: $0.prefix(Int(length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
  }

  /// Ends the job with an error that all ranks have, in code that cannot throw it.
  package static func end(withAgreed error: any ExitCoded) -> Never {
    end(with: AgreedError(rank: 0, message: "\(error)", exitCode: error.exitCode))
  }

  /// Prints an error and ends the job with the error's exit code, within 3 seconds.
  private static func end(with error: any Error) -> Never {
    let code = (error as? any ExitCoded)?.exitCode ?? 70
    if error is AgreedError {
      // All ranks have the same error. Rank 0 prints it; if another rank ended the job faster, rank 0's message could
      // be lost. If rank 0 has not ended the job by then, it is not among the ranks that agreed.
      Watchdog.shared.stage = .ending
      if Communicator.rank(in: current.base) != 0 { sleepThread(seconds: 1.5) }
      JobEnd.end(words: "error: \(error)\n", exitCode: code, within: 1.3)
    }
    JobEnd.end(words: "error: \(current.who): \(error)\n", exitCode: code, within: 2)
  }
}
