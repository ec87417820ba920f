/// Messages between two ranks.
///
/// A receive states the size of its message. A message of a different size is an error, and no memory is overrun. Only
/// sizes are compared: four `Float` received as four `Int32` go unnoticed. A message may have any size.
extension Communicator {
  /// Sends elements to a rank, which must receive the same number of elements of the same type.
  ///
  /// Returns when `values` may be reused, which may be before the message has arrived.
  ///
  /// - Throws: ``MPIError``.
  ///
  /// `MPI_Isend` and a wait.
  public func send<Scalar: BitwiseCopyable>(
    _ values: UnsafeBufferPointer<Scalar>, to destination: Int, tag: Int = 0
  ) throws {
    try engine.wait(
      for: try SendRequest(
        UnsafeRawBufferPointer(values), copies: false, to: destination, tag: tag, on: self))
  }

  /// Same as `send` of a buffer, for an array.
  public func send<Scalar: BitwiseCopyable>(
    _ values: [Scalar], to destination: Int, tag: Int = 0
  ) throws {
    try values.withUnsafeBufferPointer { try send($0, to: destination, tag: tag) }
  }

  /// Receives a message of exactly `values.count` elements.
  ///
  /// - Parameters:
  ///   - values: The buffer that the elements are received into.
  ///   - source: The sender's rank; nil for any.
  ///   - tag: The message's tag; nil for any.
  /// - Returns: The sender, tag and size of the message.
  /// - Throws: ``MPIError``. If the message has a different size, the error names both sizes, `values` is unchanged,
  ///   the message is discarded, and the communicator stays usable.
  ///
  /// `MPI_Iprobe`, `MPI_Irecv` and a wait.
  @discardableResult
  public func receive<Scalar: BitwiseCopyable>(
    into values: UnsafeMutableBufferPointer<Scalar>, from source: Int? = nil, tag: Int? = nil
  ) throws -> MessageInfo {
    let request = ReceiveRequest(
      into: UnsafeMutableRawBufferPointer(values), ownsBuffer: false, count: values.count,
      of: Scalar.self, from: source, tag: tag, on: self)
    try engine.wait(for: request)
    return request.info!
  }

  /// Same as `receive` into a buffer, for an array, whose count is the number of elements expected.
  @discardableResult
  public func receive<Scalar: BitwiseCopyable>(
    into values: inout [Scalar], from source: Int? = nil, tag: Int? = nil
  ) throws -> MessageInfo {
    try values.withUnsafeMutableBufferPointer { try receive(into: $0, from: source, tag: tag) }
  }

  /// Starts a non-blocking send of elements; the handle keeps its own copy of them.
  ///
  /// - Throws: ``MPIError``.
  ///
  /// `MPI_Isend`
  public func startSend<Scalar: BitwiseCopyable>(
    _ values: [Scalar], to destination: Int, tag: Int = 0
  ) throws -> PendingSend {
    let request = try values.withUnsafeBytes {
      try SendRequest($0, copies: true, to: destination, tag: tag, on: self)
    }
    return PendingSend(request, in: engine)
  }

  /// Starts a non-blocking receive of exactly `count` elements; the handle owns their memory until the message has
  /// arrived.
  ///
  /// A message goes to the receive that was started first, among the receives that match its source and tag. It is
  /// received while this rank waits for anything or makes progress.
  ///
  /// - Parameters:
  ///   - type: The type of the elements.
  ///   - count: The number of elements in the message.
  ///   - source: The sender's rank; nil for any.
  ///   - tag: The message's tag; nil for any.
  /// - Returns: The handle with which to wait for the message.
  /// - Throws: ``MPIError``.
  ///
  /// `MPI_Iprobe`, `MPI_Irecv`
  public func startReceive<Scalar: BitwiseCopyable>(
    _ type: Scalar.Type, count: Int, from source: Int? = nil, tag: Int? = nil
  ) throws -> PendingReceive<Scalar> {
    let (byteCount, overflows) = count.multipliedReportingOverflow(by: MemoryLayout<Scalar>.stride)
    precondition(
      count >= 0 && !overflows,
      "The number of elements of a message must be 0 or more, and fit the memory, not \(count).")
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 64)
    let request = ReceiveRequest(
      into: bytes, ownsBuffer: true, count: count, of: type, from: source, tag: tag, on: self)
    return PendingReceive(request, in: engine)
  }
}
