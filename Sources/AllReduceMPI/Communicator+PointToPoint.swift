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

  /// Its size in elements of `type`.
  public func count<Scalar: BitwiseCopyable>(of type: Scalar.Type) -> Int {
    bytes / MemoryLayout<Scalar>.stride
  }
}

extension Communicator {
  /// Sends elements to a rank, which must receive as many of the same type.
  ///
  /// Returns when `values` may be reused, which may be before the message has arrived.
  ///
  /// - Throws: ``MPIError``.
  ///
  /// `MPI_Isend` and a wait.
  public func send<Scalar: BitwiseCopyable>(
    _ values: UnsafeBufferPointer<Scalar>, to destination: Int, tag: Int = 0
  ) throws {
    try engine.wait(for: try postSend(UnsafeRawBufferPointer(values), to: destination, tag: tag))
  }

  /// As `send` of a buffer.
  public func send<Scalar: BitwiseCopyable>(
    _ values: [Scalar], to destination: Int, tag: Int = 0
  ) throws {
    try values.withUnsafeBufferPointer { try send($0, to: destination, tag: tag) }
  }

  /// Receives a message of exactly `values.count` elements.
  ///
  /// - Parameters:
  ///   - values: Where the elements go.
  ///   - source: The sender's rank; nil for any.
  ///   - tag: The message's tag; nil for any.
  /// - Returns: Who sent it, and the tag.
  /// - Throws: ``MPIError``, which names both sizes if the message has another.
  ///
  /// `MPI_Irecv` and a wait.
  @discardableResult
  public func receive<Scalar: BitwiseCopyable>(
    into values: UnsafeMutableBufferPointer<Scalar>, from source: Int? = nil, tag: Int? = nil
  ) throws -> MessageInfo {
    let bytes = UnsafeMutableRawBufferPointer(values)
    let request = try postReceive(into: bytes, from: source, tag: tag)
    try engine.wait(for: request)
    return try receivedInfo(of: request, expected: bytes.count, from: source)
  }

  /// As `receive` into a buffer; the array's count says how many elements are expected.
  @discardableResult
  public func receive<Scalar: BitwiseCopyable>(
    into values: inout [Scalar], from source: Int? = nil, tag: Int? = nil
  ) throws -> MessageInfo {
    try values.withUnsafeMutableBufferPointer { try receive(into: $0, from: source, tag: tag) }
  }

  /// Starts to send elements; the handle keeps its own copy of them.
  ///
  /// - Throws: ``MPIError``.
  ///
  /// `MPI_Isend`
  public func startSend<Scalar: BitwiseCopyable>(
    _ values: [Scalar], to destination: Int, tag: Int = 0
  ) throws -> PendingSend {
    let bytes = UnsafeMutableRawBufferPointer.allocate(
      byteCount: values.count * MemoryLayout<Scalar>.stride, alignment: 64)
    values.withUnsafeBytes { bytes.copyMemory(from: $0) }
    do {
      let request = try postSend(UnsafeRawBufferPointer(bytes), to: destination, tag: tag)
      return PendingSend(Message(request, bytes, self))
    } catch {
      bytes.deallocate()
      throw error
    }
  }

  /// Starts to receive exactly `count` elements; the handle owns their memory until they are there.
  ///
  /// - Throws: ``MPIError``.
  ///
  /// `MPI_Irecv`
  public func startReceive<Scalar: BitwiseCopyable>(
    _ type: Scalar.Type, count: Int, from source: Int? = nil, tag: Int? = nil
  ) throws -> PendingReceive<Scalar> {
    let bytes = UnsafeMutableRawBufferPointer.allocate(
      byteCount: count * MemoryLayout<Scalar>.stride, alignment: 64)
    do {
      let request = try postReceive(into: bytes, from: source, tag: tag)
      return PendingReceive(Message(request, bytes, self), source: source)
    } catch {
      bytes.deallocate()
      throw error
    }
  }

  /// Waits until a message could be received, and says which, without receiving it.
  ///
  /// - Parameters:
  ///   - source: The sender's rank; nil for any.
  ///   - tag: The message's tag; nil for any.
  /// - Returns: The message's sender, tag and size.
  /// - Throws: ``MPIError``.
  ///
  /// `MPI_Iprobe`, while everything in flight is moved.
  public func probe(from source: Int? = nil, tag: Int? = nil) throws -> MessageInfo {
    let probe = Probe(self, source: source, tag: tag)
    try engine.wait(for: probe)
    return probe.found!
  }

  /// A message that could be received now, if there is one.
  ///
  /// `MPI_Iprobe`
  public func probeIfAvailable(from source: Int? = nil, tag: Int? = nil) throws -> MessageInfo? {
    engine.poll()
    let probe = Probe(self, source: source, tag: tag)
    _ = probe.advance()
    if let failure = probe.failure { throw failure }
    return probe.found
  }

  // MARK: - Messages of any size

  /// Posts the message as pieces that MPI can count; both ends cut it alike.
  private func pieces(of bytes: Int) -> [Range<Int>] {
    if bytes <= largestCount { return [0..<bytes] }
    return stride(from: 0, to: bytes, by: largestCount).map {
      $0..<Swift.min($0 + largestCount, bytes)
    }
  }

  private func postSend(
    _ bytes: UnsafeRawBufferPointer, to destination: Int, tag: Int
  ) throws(MPIError) -> NativeRequest {
    checkRank(destination, "destination")
    var requests: [MPI_Request?] = []
    for piece in pieces(of: bytes.count) {
      var request: MPI_Request?
      try MPIError.check(
        MPI_Isend(
          bytes.baseAddress.map { $0 + piece.lowerBound }, Int32(piece.count), cmpi_byte(),
          Int32(destination), Int32(tag), handle, &request), "MPI_Isend")
      requests.append(request)
    }
    return NativeRequest(requests, "send", awaiting: [worldRanks[destination]])
  }

  private func postReceive(
    into bytes: UnsafeMutableRawBufferPointer, from source: Int?, tag: Int?
  ) throws -> NativeRequest {
    if let source { checkRank(source, "source") }
    var source = source
    var tag = tag
    let pieces = pieces(of: bytes.count)
    if pieces.count > 1 && (source == nil || tag == nil) {
      // All pieces must come from one sender: find out which before the first is posted.
      let first = try probe(from: source, tag: tag)
      (source, tag) = (first.source, first.tag)
    }
    var requests: [MPI_Request?] = []
    for piece in pieces {
      var request: MPI_Request?
      try MPIError.check(
        MPI_Irecv(
          bytes.baseAddress.map { $0 + piece.lowerBound }, Int32(piece.count), cmpi_byte(),
          source.map { Int32($0) } ?? MPI_ANY_SOURCE, tag.map { Int32($0) } ?? MPI_ANY_TAG,
          handle, &request), "MPI_Irecv")
      requests.append(request)
    }
    let awaited = source.map { [worldRanks[$0]] } ?? worldRanks.filter { $0 != worldRank }
    return NativeRequest(requests, "receive", awaiting: awaited)
  }

  fileprivate func receivedInfo(
    of request: NativeRequest, expected: Int, from source: Int?
  ) throws(MPIError) -> MessageInfo {
    let info = MessageInfo(
      source: Int(request.status.MPI_SOURCE), tag: Int(request.status.MPI_TAG),
      bytes: request.receivedBytes)
    if info.bytes != expected {
      throw MPIError(
        operation: "receive",
        message: "rank \(rank) expected \(expected) bytes from "
          + "\(source.map { "rank \($0)" } ?? "any rank"), but rank \(info.source) sent \(info.bytes); both must name the same count and type"
      )
    }
    return info
  }

  private func checkRank(_ other: Int, _ role: String) {
    precondition(
      other >= 0 && other < size, "The \(role) is rank \(other), but ranks are 0..<\(size).")
  }

  /// Looks for a message without receiving it.
  private final class Probe: InFlight {
    private let communicator: Communicator
    private let source: Int32
    private let tag: Int32
    private(set) var found: MessageInfo?
    private(set) var failure: (any Error)?

    init(_ communicator: Communicator, source: Int?, tag: Int?) {
      if let source { communicator.checkRank(source, "source") }
      self.communicator = communicator
      self.source = source.map { Int32($0) } ?? MPI_ANY_SOURCE
      self.tag = tag.map { Int32($0) } ?? MPI_ANY_TAG
    }

    var summary: String { "probe" }

    var awaitedRanks: [Int] {
      source >= 0
        ? [communicator.worldRanks[Int(source)]]
        : communicator.worldRanks.filter { $0 != communicator.worldRank }
    }

    func advance() -> Bool {
      var flag: Int32 = 0
      var status = MPI_Status()
      let code = MPI_Iprobe(source, tag, communicator.handle, &flag, &status)
      if code != MPI_SUCCESS {
        failure = MPIError("MPI_Iprobe", code: code)
        return true
      }
      if flag == 0 { return false }
      var bytes: Int32 = 0
      MPI_Get_count(&status, cmpi_byte(), &bytes)
      found = MessageInfo(
        source: Int(status.MPI_SOURCE), tag: Int(status.MPI_TAG), bytes: Int(bytes))
      return true
    }
  }
}

/// A message under way together with its memory; it lives until MPI has let go of the memory.
final class Message {
  let request: NativeRequest
  let bytes: UnsafeMutableRawBufferPointer
  let communicator: Communicator

  init(
    _ request: NativeRequest, _ bytes: UnsafeMutableRawBufferPointer, _ communicator: Communicator
  ) {
    self.request = request
    self.bytes = bytes
    self.communicator = communicator
    communicator.engine.add(request)
  }

  deinit { bytes.deallocate() }

  func isComplete() -> Bool { request.advance() }
  func wait() throws { try communicator.engine.wait(for: request) }
}

/// A message being sent. Ends by ``wait()``; letting go of it waits too.
public struct PendingSend: ~Copyable {
  private let message: Message

  init(_ message: Message) { self.message = message }

  deinit { try? message.wait() }

  /// Whether the message has left; never blocks (`MPI_Test`).
  public var isComplete: Bool { message.isComplete() }

  /// Waits until the message has left (`MPI_Wait`).
  public consuming func wait() throws { try message.wait() }
}

/// A message being received. Ends by ``wait()``; letting go of it waits too.
public struct PendingReceive<Scalar: BitwiseCopyable>: ~Copyable {
  private let message: Message
  private let source: Int?

  init(_ message: Message, source: Int?) {
    self.message = message
    self.source = source
  }

  deinit { try? message.wait() }

  /// Whether the message is there; never blocks (`MPI_Test`).
  public var isComplete: Bool { message.isComplete() }

  /// Waits for the message and hands over its elements (`MPI_Wait`).
  ///
  /// - Throws: ``MPIError``, which names both sizes if the message has another than was expected.
  public consuming func wait() throws -> [Scalar] {
    try message.wait()
    _ = try message.communicator.receivedInfo(
      of: message.request, expected: message.bytes.count, from: source)
    return Array(message.bytes.bindMemory(to: Scalar.self))
  }
}
