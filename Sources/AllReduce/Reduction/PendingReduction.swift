internal import AllReduceMPI

/// A reduction under way. Ends by ``wait()``, once; letting go of it waits too.
public struct PendingReduction: ~Copyable {
  private let run: MessageRuns.Run?
  private let communicator: Communicator

  /// Holds `run`, which nobody else may start again until the wait is over.
  init(run: MessageRuns.Run?, communicator: Communicator) {
    run?.isHeld = true
    self.run = run
    self.communicator = communicator
  }

  deinit { try? finish() }

  /// Whether the result is there. Moves what can be moved and never waits (`MPI_Test`).
  public var isComplete: Bool { run?.advance() ?? true }

  /// Waits until the result is there, moving everything in flight meanwhile.
  ///
  /// - Throws: ``MPIError``.
  ///
  /// `MPI_Wait`
  public consuming func wait() throws { try finish() }

  private func finish() throws {
    guard let run, run.isHeld else { return }
    defer { run.isHeld = false }
    try communicator.wait(for: run)
  }
}
