internal import CMPI

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// A message on its way in.
///
/// It is posted only when its message is there and has the size of the buffer: MPI writes a longer
/// message past the end of a buffer before it says so. A message of a different size is received
/// elsewhere, so that its sender can continue, and reported.
///
/// One thread receives, by this class alone, so the message that was probed is the one that is
/// received. (`MPI_Improbe` and `MPI_Imrecv` would say so to MPI, but over libfabric's `net` provider
/// MPI_Imrecv fails for every sender but the first.)
///
/// `MPI_Iprobe`, `MPI_Irecv`, `MPI_Test`
final class ReceiveRequest: InFlight {
  /// The sender's rank, or `MPI_ANY_SOURCE`.
  private let source: Int32
  /// The message's tag, or `MPI_ANY_TAG`.
  private let tag: Int32
  /// How many receives before this one in the queue may want the same message.
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
  /// Where a message of a different size goes.
  private var scratch: UnsafeMutableRawPointer?
  /// The message, once it is known.
  private(set) var info: MessageInfo?
  private(set) var failure: (any Error)?

  /// A receive into memory that must stay until the end.
  ///
  /// - Parameters:
  ///   - buffer: A buffer of exactly the message's size.
  ///   - ownsBuffer: Whether to free it when the receive is done.
  ///   - count: The number of elements, for people.
  ///   - element: Their type, for people.
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

  /// Whether it asks for a message of this source and tag.
  func wants(_ message: MessageInfo) -> Bool {
    (Int(source) == message.source || source == MPI_ANY_SOURCE)
      && (Int(tag) == message.tag || tag == MPI_ANY_TAG)
  }

  /// Whether both may ask for the same message.
  func mayWantTheSame(as other: ReceiveRequest) -> Bool {
    (source == other.source || source == MPI_ANY_SOURCE || other.source == MPI_ANY_SOURCE)
      && (tag == other.tag || tag == MPI_ANY_TAG || other.tag == MPI_ANY_TAG)
  }

  /// Cancels the receive, unless its message has begun to arrive: then it completes.
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
    // Without a wildcard, every message for this receive is one for an earlier one too.
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
