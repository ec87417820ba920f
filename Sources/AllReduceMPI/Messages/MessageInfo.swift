internal import CMPI

/// Where a message came from and how large it is.
public struct MessageInfo: Sendable, Equatable {
  /// The sender's rank in the communicator.
  public let source: Int
  /// The tag that it was sent with.
  public let tag: Int
  /// Its size in bytes.
  public let bytes: Int

  package init(source: Int, tag: Int, bytes: Int) {
    self.source = source
    self.tag = tag
    self.bytes = bytes
  }

  /// The information that MPI has on a message that it found (`MPI_Get_elements_x`, which counts beyond 32 bits).
  init(_ status: MPI_Status) {
    var status = status
    var bytes: MPI_Count = 0
    MPI_Get_elements_x(&status, cmpi_byte(), &bytes)
    self.init(source: Int(status.MPI_SOURCE), tag: Int(status.MPI_TAG), bytes: Int(bytes))
  }

  /// Its size in elements of `type`.
  public func count<Scalar: BitwiseCopyable>(of type: Scalar.Type) -> Int {
    bytes / MemoryLayout<Scalar>.stride
  }
}
