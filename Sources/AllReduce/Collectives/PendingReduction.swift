internal import AllReduceMPI

/// A reduction under way. Ends by ``wait()``, once.
///
/// A handle that is released without a wait waits by itself, for a second at most. A reduction that has
/// not ended by then is abandoned: every call under way on its communicator fails, on every rank.
public struct PendingReduction: ~Copyable {
  private let run: MessageRuns.Run?
  private let hostRun: HostRun?
  private let communicator: Communicator

  /// Holds `run`, which must not be started again until the wait is over; without a run, the
  /// reduction has ended.
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

  /// Whether the result is there. Moves what can be moved and never waits (`MPI_Test`).
  public var isComplete: Bool {
    if run?.advance() ?? hostRun?.advance() ?? true { return true }
    communicator.engine.glance()
    return false
  }

  /// Whether the result is there, as far as is known: moves nothing, for who has just let everything move.
  var hasEnded: Bool {
    if let run { return !run.isActive }
    return hostRun?.isEnded ?? true
  }

  /// Waits until the result is there, moving everything in flight meanwhile.
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
