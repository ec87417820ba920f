internal import CMPI

/// The process's membership of an MPI job.
public enum MPI {
  /// The state of this rank while MPI is initialised.
  ///
  /// Only the thread that called ``run(threading:_:)`` touches it (MPI is used funneled), so it
  /// needs no lock; the compiler cannot know that.
  nonisolated(unsafe) static var runtime: Runtime?

  final class Runtime {
    let engine: ProgressEngine
    let watchdog: Watchdog
    let who: String
    /// The host of each world rank, as the lowest world rank there.
    let hostOfWorldRank: [Int]
    /// The ways to share a host's memory, the first one to be tried first.
    let hostMemoryWays: [HostMemoryWay]
    /// The hosts and processes of the ranks.
    package let peers: Peers
    /// The contents of the job's file of measured choices.
    let tuning: TuningText?
    /// Communicators that this rank has released.
    let graveyard = Graveyard()
    /// How many communicators of all ranks were made.
    var worldCount: UInt64 = 0
    /// How many of the program's own communicators this rank has duplicated.
    var duplicateCount: UInt64 = 0

    /// MPI's communicator of the job's ranks: MPI_COMM_WORLD, or a duplicate of what the program gave.
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

  /// Runs `body` as one rank of the job: initialises MPI, hands over the communicator of all ranks,
  /// and finalises when `body` returns.
  ///
  /// Collective: every process of the job must call it, once. In a process that was started without
  /// mpirun the world has one rank. If `body` throws, the error is printed on standard error with
  /// the rank and host, and the whole job ends with the error's code (``ExitCoded``, else 70): the
  /// other ranks may be waiting for this one and could never be reached otherwise. A barrier comes
  /// before finalising.
  ///
  /// In a program that has called `MPI_Init` itself the library attaches to that: it neither initialises
  /// nor finalises, leaves MPI_COMM_WORLD's error handler alone, releases what it allocated when `body`
  /// returns, and may be run again. Call it from the thread that called `MPI_Init`.
  ///
  /// - Parameters:
  ///   - communicator: An `MPI_Comm` of Open MPI; its ranks then form the job, and only they call this.
  ///     It is duplicated and stays the program's own. Nil for MPI_COMM_WORLD.
  ///   - threading: The thread level that the program needs; the library itself needs `.funneled`.
  ///   - body: The program, given the communicator of all ranks. Communicators must not outlive it.
  /// - Returns: The result of `body`.
  /// - Throws: ``MPIError`` if MPI cannot be initialised, or not with the thread level asked for, or if the
  ///   launcher cannot start Open MPI's ranks: another MPI's, or srun without PMIx (exit code 64).
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
        // A rank that learns only now of a failure answers before any rank leaves.
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

  /// The world rank that the launcher gave this process, before MPI is initialised; 0 without one.
  package static var launchedRank: Int { Launch.current?.rank ?? 0 }

  static func processorName() -> String {
    var length: Int32 = 0
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(MPI_MAX_PROCESSOR_NAME)) {
      MPI_Get_processor_name($0.baseAddress, &length)
      return String(decoding: $0.prefix(Int(length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
  }

  /// Ends the job with an error that all ranks hold, where it cannot be thrown.
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
      if Communicator.rank(in: current.base) != 0 { sleepThread(seconds: 1.5) }
      JobEnd.end(words: "error: \(error)\n", exitCode: code, within: 1.3)
    }
    JobEnd.end(words: "error: \(current.who): \(error)\n", exitCode: code, within: 2)
  }
}
