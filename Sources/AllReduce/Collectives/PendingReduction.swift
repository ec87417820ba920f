internal import AllReduceMPI

/// A reduction, or another collective, in flight. Call ``wait()`` once to complete it.
///
/// A handle that is released without a wait waits by itself, for at most one second. A reduction that has not completed
/// by then is abandoned: every call in flight on its communicator fails, on every rank.
public struct PendingReduction: ~Copyable {
  private let run: MessageRuns.Run?
  private let hostRun: HostRun?
  private let communicator: Communicator

  /// Creates a handle that holds `run` or `hostRun`, which must not be started again until the wait is over. Without
  /// either, the reduction has already completed.
  init(run: MessageRuns.Run? = nil, hostRun: HostRun? = nil, communicator: Communicator) {
    run?.isHeld = true
    hostRun?.isHeld = true
    self.run = run
    self.hostRun = hostRun
    self.communicator = communicator
  }

  deinit {
    if let run, run.isHeld {
      communicator.letGo(of: run)
      run.isHeld = false
    }
    if let hostRun, hostRun.isHeld {
      communicator.letGo(of: hostRun)
      hostRun.isHeld = false
    }
  }

  /// Whether the reduction has completed. Reading this property makes progress, and never waits (`MPI_Test`).
  public var isComplete: Bool {
    if run?.advance() ?? hostRun?.advance() ?? true { return true }
    communicator.engine.glance()
    return false
  }

  /// Whether the reduction is known to have completed. Makes no progress: for callers that have just made progress on
  /// everything.
  var hasEnded: Bool {
    if let run { return !run.isActive }
    return hostRun?.isEnded ?? true
  }

  /// Waits until the reduction has completed, and meanwhile makes progress on everything in flight.
  ///
  /// - Throws: ``MPIError``.
  ///
  /// `MPI_Wait`
  public consuming func wait() throws { try finish() }

  private func finish() throws {
    if let run, run.isHeld {
      run.isHeld = false
      try communicator.wait(for: run)
    }
    if let hostRun, hostRun.isHeld {
      hostRun.isHeld = false
      try communicator.wait(for: hostRun)
    }
    try communicator.counter.end()
  }
}
