internal import CMPI

/// The sender, tag and size of a message.
public struct MessageInfo: Sendable, Equatable {
  /// The sender's rank in the communicator.
  public let source: Int
  /// The tag with which the message was sent.
  public let tag: Int
  /// The message's size in bytes.
  public let bytes: Int

  package init(source: Int, tag: Int, bytes: Int) {
    self.source = source
    self.tag = tag
    self.bytes = bytes
  }

  /// Creates the description of a message from its MPI status (`MPI_Get_elements_x`, which counts beyond 32 bits).
  init(_ status: MPI_Status) {
    var status = status
    var bytes: MPI_Count = 0
    MPI_Get_elements_x(&status, cmpi_byte(), &bytes)
    self.init(source: Int(status.MPI_SOURCE), tag: Int(status.MPI_TAG), bytes: Int(bytes))
  }

  /// Returns the message's size in elements of `type`.
  public func count<Scalar: BitwiseCopyable>(of type: Scalar.Type) -> Int {
    bytes / MemoryLayout<Scalar>.stride
  }
}
