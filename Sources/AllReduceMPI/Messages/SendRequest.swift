internal import CMPI

/// A send in flight.
///
/// It keeps its communicator alive, so that MPI does not give the communicator's context to another one while the
/// message is in flight. A message that is never received stays, with its memory, until the process ends: the engine
/// holds this object, which holds the engine through its communicator. MPI may read the memory until the end.
final class SendRequest: InFlight {
  private let communicator: Communicator
  private let destination: Int
  private let tag: Int
  private let bytes: UnsafeRawBufferPointer
  /// The copy that `bytes` points to, if this object made one.
  private let copy: UnsafeMutableRawBufferPointer?
  private let type: MessageType
  private var request: MPI_Request?
  private var hasEnded = false
  private(set) var failure: (any Error)?

  /// Creates the request and starts to send.
  ///
  /// - Parameters:
  ///   - values: The message. Unless it is copied, it must not change until the send has ended.
  ///   - copies: Whether to send a copy, so that the caller's memory is free at once.
  ///   - destination: The receiver's rank.
  ///   - tag: The message's tag.
  ///   - communicator: The communicator of the ranks.
  /// - Throws: ``MPIError``.
  init(
    _ values: UnsafeRawBufferPointer, copies: Bool, to destination: Int, tag: Int,
    on communicator: Communicator
  ) throws {
    communicator.checkRank(destination, "destination")
    communicator.checkTag(tag)
    self.communicator = communicator
    self.destination = destination
    self.tag = tag
    type = try MessageType(bytes: values.count, largestCount: communicator.largestCount)
    if copies {
      let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: values.count, alignment: 64)
      copy.copyMemory(from: values)
      self.copy = copy
      bytes = UnsafeRawBufferPointer(copy)
    } else {
      copy = nil
      bytes = values
    }
    communicator.meter.count(values.count, to: destination)
    let code = communicator.watchdog.guarding(
      "MPI_Isend", to: communicator.worldRanks[destination]
    ) {
      MPI_Isend(
        bytes.baseAddress, type.count, type.datatype, Int32(destination), Int32(tag),
        communicator.handle, &request)
    }
    try MPIError.check(code, "MPI_Isend")
  }

  deinit { copy?.deallocate() }

  var summary: String { "send of \(bytes.count) bytes with tag \(tag)" }
  var awaitedRanks: [Int] { [communicator.worldRanks[destination]] }

  func advance() -> Bool {
    if hasEnded { return true }
    var flag: Int32 = 0
    let code = MPI_Test(&request, &flag, cmpi_status_ignore())
    if code != MPI_SUCCESS { failure = MPIError("send", code: code) }
    hasEnded = flag != 0 || code != MPI_SUCCESS
    return hasEnded
  }
}
