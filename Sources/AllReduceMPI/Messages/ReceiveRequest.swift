internal import CMPI

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// A receive in flight.
///
/// It is posted to MPI only when its message is there. Only a message of the buffer's size is received into the buffer,
/// because MPI writes a longer message past the end of a buffer before it reports the error. A message of a different
/// size is received into other memory, so that its sender can continue, and is reported as an error.
///
/// Only one thread receives, and only through this class, so the message that was probed is the one that is received.
/// (`MPI_Improbe` and `MPI_Imrecv` would guarantee this, but over libfabric's `net` provider MPI_Imrecv fails for all
/// senders but the first.)
///
/// `MPI_Iprobe`, `MPI_Irecv`, `MPI_Test`
final class ReceiveRequest: InFlight {
  /// The sender's rank, or `MPI_ANY_SOURCE`.
  private let source: Int32
  /// The message's tag, or `MPI_ANY_TAG`.
  private let tag: Int32
  /// The number of receives before this one in the queue that may match the same message.
  var rivals = 0

  let buffer: UnsafeMutableRawBufferPointer
  private let ownsBuffer: Bool
  private let count: Int
  private let element: Any.Type
  let communicator: Communicator

  private enum Stage { case waiting, receiving, ended }
  private var stage = Stage.waiting
  private var request: MPI_Request?
  private var type: MessageType?
  /// The memory that a message of a different size is received into.
  private var scratch: UnsafeMutableRawPointer?
  /// The sender, tag and size of the message, once known.
  private(set) var info: MessageInfo?
  private(set) var failure: (any Error)?

  /// Creates a receive and adds it to the communicator's queue. The memory must stay valid until the receive has ended.
  ///
  /// - Parameters:
  ///   - buffer: A buffer of exactly the message's size.
  ///   - ownsBuffer: Whether to free the buffer when this object is released.
  ///   - count: The number of elements, for error messages.
  ///   - element: The type of the elements, for error messages.
  ///   - source: The sender's rank; nil for any.
  ///   - tag: The message's tag; nil for any.
  ///   - communicator: The communicator of the ranks.
  init(
    into buffer: UnsafeMutableRawBufferPointer, ownsBuffer: Bool, count: Int,
    of element: Any.Type, from source: Int?, tag: Int?, on communicator: Communicator
  ) {
    self.source = communicator.sourceConstant(source)
    self.tag = communicator.tagConstant(tag)
    self.buffer = buffer
    self.ownsBuffer = ownsBuffer
    self.count = count
    self.element = element
    self.communicator = communicator
    communicator.receives.append(self)
  }

  deinit { if ownsBuffer { buffer.deallocate() } }

  // MARK: - Its place in the queue

  /// Returns whether this receive matches a message's source and tag.
  func wants(_ message: MessageInfo) -> Bool {
    (Int(source) == message.source || source == MPI_ANY_SOURCE)
      && (Int(tag) == message.tag || tag == MPI_ANY_TAG)
  }

  /// Returns whether both receives may match the same message.
  func mayWantTheSame(as other: ReceiveRequest) -> Bool {
    (source == other.source || source == MPI_ANY_SOURCE || other.source == MPI_ANY_SOURCE)
      && (tag == other.tag || tag == MPI_ANY_TAG || other.tag == MPI_ANY_TAG)
  }

  /// Cancels the receive, unless its message has begun to arrive; in that case the receive completes.
  func giveUp() {
    guard stage == .waiting else { return }
    communicator.receives.remove(self)
    stage = .ended
  }

  // MARK: - In flight

  var summary: String {
    tag == MPI_ANY_TAG
      ? "receive of \(buffer.count) bytes" : "receive of \(buffer.count) bytes with tag \(tag)"
  }

  var awaitedRanks: [Int] { communicator.awaitedRanks(of: info.map { Int32($0.source) } ?? source) }

  func advance() -> Bool {
    if stage == .waiting { takeMessage() }
    if stage == .receiving { test() }
    return stage == .ended
  }

  private func takeMessage() {
    // Without a wildcard, every message for this receive also matches an earlier one.
    if rivals > 0 && source != MPI_ANY_SOURCE && tag != MPI_ANY_TAG { return }
    var flag: Int32 = 0
    var status = MPI_Status()
    let code = MPI_Iprobe(source, tag, communicator.handle, &flag, &status)
    if code != MPI_SUCCESS { return end(with: MPIError("MPI_Iprobe", code: code)) }
    if flag == 0 { return }
    let info = MessageInfo(status)
    if rivals > 0 && communicator.receives.claims(info, before: self) { return }
    communicator.receives.remove(self)
    self.info = info
    do { try post(info) } catch { end(with: error) }
  }

  private func post(_ info: MessageInfo) throws(MPIError) {
    var target = buffer.baseAddress
    if info.bytes != buffer.count {
      scratch = malloc(max(info.bytes, 1))
      guard let scratch else {
        throw sizeError(
          info,
          and: "; there is no memory to receive the message into, so its sender may wait forever")
      }
      target = scratch
    }
    let type = try MessageType(bytes: info.bytes, largestCount: communicator.largestCount)
    try MPIError.check(
      MPI_Irecv(
        target, type.count, type.datatype, Int32(info.source), Int32(info.tag),
        communicator.handle, &request), "MPI_Irecv")
    self.type = consume type
    stage = .receiving
  }

  private func test() {
    var flag: Int32 = 0
    let code = MPI_Test(&request, &flag, cmpi_status_ignore())
    if code != MPI_SUCCESS { return end(with: MPIError("receive", code: code)) }
    if flag == 0 { return }
    let info = info!
    end(with: info.bytes == buffer.count ? nil : sizeError(info))
  }

  private func end(with failure: MPIError?) {
    if stage == .waiting { communicator.receives.remove(self) }
    stage = .ended
    self.failure = failure
    type = nil
    free(scratch)
    scratch = nil
  }

  private func sizeError(_ info: MessageInfo, and more: String = "") -> MPIError {
    MPIError(
      operation: "receive",
      message: "\(communicator.describe(communicator.rank)) expected \(buffer.count) bytes "
        + "(\(count) of \(element)), but \(communicator.describe(info.source)) sent \(info.bytes) "
        + "bytes with tag \(info.tag); both must name the same count and type\(more)")
  }
}
