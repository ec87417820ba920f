internal import CKernels
internal import CMPI

/// How a process joins a job and leaves it.
extension MPI {
  /// The thread that calls MPI (`ck_thread`); 0 while the library is not in a job.
  nonisolated(unsafe) private static var ownThread: UInt = 0

  /// Joins the job, and initialises MPI unless the program has done so. Returns whether this call initialised MPI.
  /// Collective.
  package static func start(
    _ threading: ThreadLevel, over communicator: OpaquePointer? = nil
  ) throws(MPIError) -> Bool {
    let watchdog = Watchdog.shared
    ownThread = ck_thread()
    ck_on_precondition_failed { words in
      MPI.endForPrecondition(words.map { String(cString: $0) } ?? "")
    }
    ck_catch_report_signal()
    var initialized: Int32 = 0
    MPI_Initialized(&initialized)
    precondition(
      communicator == nil || initialized != 0,
      "MPI.run(over:) takes an MPI communicator, but MPI has not been initialised.")
    // Before MPI starts: if a rank never starts, the others wait for it inside `MPI_Init_thread`.
    if let launch = Launch.current, communicator == nil { watchdog.start(size: launch.size) }
    if initialized == 0 { try initialize(threading) } else { try requireThreads(threading) }
    if Communicator.largestTag < Int(Int16.max) {
      throw MPIError(
        operation: "MPI_Comm_get_attr",
        message: "this MPI allows tags up to \(Communicator.largestTag) (MPI_TAG_UB), but the "
          + "library needs \(Int16.max), which the standard promises; use another MPI library")
    }
    var base = cmpi_comm_world()
    if initialized != 0 { base = try duplicate(communicator ?? cmpi_comm_world()) }
    // From here on MPI returns its errors as codes, on every communicator made from this one.
    MPI_Comm_set_errhandler(base, cmpi_errors_return())
    let size = Communicator.size(of: base!)
    watchdog.stage = .settingUp
    watchdog.start(size: size)
    runtime = try Runtime(over: base!, host: processorName())
    if size == 1 { watchdog.stop() }
    watchdog.stage = .running
    return initialized == 0
  }

  private static func initialize(_ threading: ThreadLevel) throws(MPIError) {
    if let mistake = Launch.current?.mistakeBeforeStart { throw mistake }
    var provided: Int32 = 0
    let code = Watchdog.shared.guarding("MPI_Init_thread") {
      MPI_Init_thread(nil, nil, threading.constant, &provided)
    }
    try MPIError.check(code, "MPI_Init_thread")
    try require(threading, provided: provided)
    if let launch = Launch.current,
      let mistake = launch.mistake(worldSize: Communicator.size(of: cmpi_comm_world()))
    {
      MPI_Finalize()
      throw mistake
    }
  }

  private static func requireThreads(_ threading: ThreadLevel) throws(MPIError) {
    var (provided, isMain): (Int32, Int32) = (0, 0)
    try MPIError.check(MPI_Query_thread(&provided), "MPI_Query_thread")
    // `MPI_Init` allows one thread, which is the thread that calls this.
    if threading > .funneled { try require(threading, provided: provided) }
    try MPIError.check(MPI_Is_thread_main(&isMain), "MPI_Is_thread_main")
    precondition(
      isMain != 0 || provided >= ThreadLevel.serialized.constant,
      "MPI was initialised with a thread level below MPI_THREAD_SERIALIZED, so MPI.run must be called on "
        + "the thread that initialised MPI.")
  }

  private static func require(_ threading: ThreadLevel, provided: Int32) throws(MPIError) {
    let level = ThreadLevel.fromConstant(provided)
    if level < threading {
      throw MPIError(
        operation: "MPI_Init_thread",
        message: "thread level \(threading) was asked for, but this MPI provides \(level); "
          + "ask for less, or use an MPI library that was built with threads")
    }
  }

  /// Duplicates a communicator with `MPI_Comm_dup`, while the watchdog watches. Collective.
  static func duplicate(_ communicator: MPI_Comm!) throws(MPIError) -> MPI_Comm {
    var copy: MPI_Comm?
    let code = Watchdog.shared.guarding("MPI_Comm_dup") { MPI_Comm_dup(communicator, &copy) }
    try MPIError.check(code, "MPI_Comm_dup")
    return copy!
  }

  /// Creates a communicator of all ranks. Collective.
  package static func world() throws -> Communicator {
    let runtime = current
    runtime.worldCount += 1
    return try Communicator(owning: try duplicate(runtime.base), id: runtime.worldCount)
  }

  /// The MPI communicators that this rank has released; nil outside of a job.
  static var graveyard: Graveyard? { runtime?.graveyard }

  /// Leaves the job after ``start(_:over:)``. Collective.
  ///
  /// - Parameter finalizing: Whether to finalise MPI too.
  /// - Throws: ``MPIError``.
  package static func finish(finalizing: Bool = true) throws(MPIError) {
    let watchdog = Watchdog.shared
    NativeOperation.releaseAll()
    runtime?.graveyard.buryAll()
    runtime?.engine.control?.end()
    var base: MPI_Comm? = runtime?.base
    if !finalizing { watchdog.guarding("MPI_Comm_free") { MPI_Comm_free(&base) } }
    runtime = nil
    var code = MPI_SUCCESS
    if finalizing {
      watchdog.stage = .finishing
      code = watchdog.guarding("MPI_Finalize") { MPI_Finalize() }
    }
    watchdog.stage = .done
    watchdog.stop()
    ck_on_precondition_failed(nil)
    ck_release_report_signal()
    ownThread = 0
    try MPIError.check(code, "MPI_Finalize")
  }

  /// Traps unless it is called on the thread that called `MPI.run`. Every wait, test and blocking MPI call makes this
  /// check.
  @inline(__always)
  static func requireOwnThread() {
    precondition(
      ck_thread() == ownThread || ownThread == 0,
      "A communicator was used on a thread other than the one that called MPI.run; make all its calls on the thread that called MPI.run."
    )
  }

  /// Prints the message of a failed precondition and ends the job.
  private static func endForPrecondition(_ words: String) {
    let line = "error: \(Watchdog.shared.who): \(words)\n"
    if ck_thread() == ownThread { JobEnd.end(words: line, exitCode: 70, within: 2) }
    writeToStandardError(line)
    Watchdog.shared.stage = .ending
    endProcess(70)
  }
}
