/// A message being received. Ends by ``wait()``.
///
/// Releasing it without a wait, as a thrown error does, does not wait. If its message has not come by
/// then, the receive is cancelled and the message goes to the next receive that asks for it. If it is
/// coming in, it is received and dropped, whenever this rank waits or makes progress.
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

  /// Waits for the message and returns its elements, moving everything in flight meanwhile
  /// (`MPI_Wait`).
  ///
  /// - Throws: ``MPIError``; if the message has a different size than was expected, it names both.
  public consuming func wait() throws -> [Scalar] {
    try engine.wait(for: request)
    return Array(request.buffer.bindMemory(to: Scalar.self))
  }
}
