/// A handle for a message being sent; ``wait()`` completes the send.
///
/// Releasing the handle without a wait, such as when an error is thrown, does not block: the message is still sent,
/// while this rank waits or makes progress, and its memory is freed once it has been sent. A message that no rank
/// receives keeps its memory until the process ends.
public struct PendingSend: ~Copyable {
  private let request: SendRequest
  private let engine: ProgressEngine

  init(_ request: SendRequest, in engine: ProgressEngine) {
    self.request = request
    self.engine = engine
    engine.add(request)
  }

  deinit { engine.abandon(request) }

  /// Whether the message has been sent. Makes progress on everything in flight once and never waits (`MPI_Test`).
  public var isComplete: Bool {
    engine.poll()
    return request.advance()
  }

  /// Waits until the message has been sent, and advances everything in flight meanwhile (`MPI_Wait`).
  ///
  /// - Throws: ``MPIError``.
  public consuming func wait() throws { try engine.wait(for: request) }
}
