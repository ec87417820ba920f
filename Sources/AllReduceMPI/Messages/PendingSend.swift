/// A message being sent. Ends by ``wait()``.
///
/// Releasing it without a wait, as a thrown error does, does not wait: the message is still sent,
/// whenever this rank waits or makes progress, and its memory is freed when it has left. A
/// message that no rank receives keeps its memory until the process ends.
public struct PendingSend: ~Copyable {
  private let request: SendRequest
  private let engine: ProgressEngine

  init(_ request: SendRequest, in engine: ProgressEngine) {
    self.request = request
    self.engine = engine
    engine.add(request)
  }

  deinit { engine.abandon(request) }

  /// Whether the message has left. Makes progress on everything in flight once and never waits (`MPI_Test`).
  public var isComplete: Bool {
    engine.poll()
    return request.advance()
  }

  /// Waits until the message has left, moving everything in flight meanwhile (`MPI_Wait`).
  ///
  /// - Throws: ``MPIError``.
  public consuming func wait() throws { try engine.wait(for: request) }
}
