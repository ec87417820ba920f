/// Messages from and to memory that the caller owns, for code that does other work until they have been transferred.
extension Communicator {
  /// Starts to send bytes, which must not change until the transfer has ended.
  ///
  /// - Throws: ``MPIError``.
  ///
  /// `MPI_Isend`
  package func startTransfer(
    of bytes: UnsafeRawBufferPointer, to destination: Int, tag: Int
  ) throws -> any InFlight {
    let request = try SendRequest(bytes, copies: false, to: destination, tag: tag, on: self)
    engine.add(request)
    return request
  }

  /// Starts to receive a message of exactly `bytes.count` bytes. The memory must stay valid until the transfer has
  /// ended.
  ///
  /// `MPI_Iprobe`, `MPI_Irecv`
  package func startTransfer(
    into bytes: UnsafeMutableRawBufferPointer, from source: Int, tag: Int
  ) -> any InFlight {
    let request = ReceiveRequest(
      into: bytes, ownsBuffer: false, count: bytes.count, of: UInt8.self, from: source, tag: tag,
      on: self)
    engine.add(request)
    return request
  }

  /// Whether a transfer has ended; afterwards nothing touches its memory. Makes progress on everything in flight once.
  ///
  /// - Throws: ``MPIError`` if it failed.
  package func hasEnded(_ transfer: any InFlight) throws -> Bool { try engine.test(transfer) }
}
