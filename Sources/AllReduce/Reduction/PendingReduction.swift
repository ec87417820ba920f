internal import AllReduceMPI

/// A reduction under way. Ends by ``wait()``, once; letting go of it waits too.
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

  deinit { try? finish() }

  /// Whether the result is there. Moves what can be moved and never waits (`MPI_Test`).
  public var isComplete: Bool { run?.advance() ?? hostRun?.advance() ?? true }

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
  }
}
