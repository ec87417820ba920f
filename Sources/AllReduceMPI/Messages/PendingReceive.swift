/// A handle for a message being received; ``wait()`` completes the receive.
///
/// Releasing the handle without a wait, such as when an error is thrown, does not block. If the message has not begun
/// to arrive by then, the receive is cancelled, and the message goes to the next receive that matches it. Otherwise the
/// message is received and dropped, while this rank waits or makes progress.
public struct PendingReceive<Scalar: BitwiseCopyable>: ~Copyable {
  private let request: ReceiveRequest
  private let engine: ProgressEngine

  init(_ request: ReceiveRequest, in engine: ProgressEngine) {
    self.request = request
    self.engine = engine
    engine.add(request)
  }

  deinit {
    request.giveUp()
    engine.abandon(request)
  }

  /// Whether the message has arrived. Makes progress on everything in flight once and never waits (`MPI_Test`).
  public var isComplete: Bool {
    engine.poll()
    return request.advance()
  }

  /// Waits for the message and returns its elements, and advances everything in flight meanwhile (`MPI_Wait`).
  ///
  /// - Throws: ``MPIError``; if the message has a different size than expected, the error names both sizes.
  public consuming func wait() throws -> [Scalar] {
    try engine.wait(for: request)
    return Array(request.buffer.bindMemory(to: Scalar.self))
  }
}
