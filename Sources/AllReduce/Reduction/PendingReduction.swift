internal import AllReduceMPI

/// A reduction under way. Ends by ``wait()``, once.
///
/// One that is let go of without a wait is waited for, for a second at most. If it has not ended by
/// then it is given up: what is under way on its communicator fails, on every rank.
public struct PendingReduction: ~Copyable {
  private let run: MessageRuns.Run?
  private let hostRun: HostRun?
  private let communicator: Communicator

  /// Holds `run`, which nobody else may start again until the wait is over; without a run, the
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
