package import AllReduceMPI

/// Sends messages between threads of one process, so that schedules run on the same executor without MPI.
///
/// It is for tests with any number of ranks in one process, also under the thread sanitizer. The receiver copies a
/// message once, from the sender's memory into its own; until then the sender's label is not returned. So the transport
/// is as strict as MPI is allowed to be: a send completes only when its message has been received.
package final class ThreadTransport: Transport {
  /// The inboxes of all ranks, which the ranks share.
  package final class Hub: Sendable {
    fileprivate let inboxes: [Inbox]

    /// Creates an inbox for each of `size` ranks.
    package init(size: Int) { inboxes = (0..<size).map { _ in Inbox() } }
  }

  fileprivate final class Inbox: Sendable {
    let content = Locked(Content())
  }

  fileprivate struct Content {
    /// Messages that were sent to this rank, and that it has not looked at yet.
    var arriving: [Arriving] = []
    /// The labels of this rank's sends whose messages have been received.
    var received: [Int32] = []
  }

  fileprivate struct Arriving: @unchecked Sendable {
    let source: Int32
    let tag: Int32
    let bytes: UnsafeRawPointer
    let count: Int
    let label: Int32
  }

  private struct Expected {
    let peer: Int32
    let tag: Int32
    let bytes: UnsafeMutableRawPointer
    let count: Int
    let label: Int32
  }

  private let rank: Int32
  private let hub: Hub
  private var expected: [Expected] = []
  /// Messages that arrived before this rank posted their receives.
  private var arrived: [Arriving] = []
  private var sending: [Int32: Int32] = [:]
  private var finished: [Int32] = []
  private var firstTag: Int32 = 0

  /// Creates the transport of rank `rank`, to be used by one thread.
  package init(rank: Int, hub: Hub) {
    self.rank = Int32(rank)
    self.hub = hub
  }

  package func begin(_ ticket: Ticket) {
    firstTag = Int32(truncatingIfNeeded: ticket.number) << 16
  }

  package var slotBytes: Int { 0 }
  package var isIdle: Bool { expected.isEmpty && sending.isEmpty }
  package var call: (agreement: Agreement, number: UInt64)? { nil }

  package func send(
    _ bytes: UnsafeRawPointer, count: Int, to peer: Int32, message: Int32, label: Int32
  ) {
    let tag = firstTag &+ message
    sending[label] = peer
    let message = Arriving(source: rank, tag: tag, bytes: bytes, count: count, label: label)
    hub.inboxes[Int(peer)].content.withLock { $0.arriving.append(message) }
  }

  package func receive(
    into bytes: UnsafeMutableRawPointer, count: Int, from peer: Int32, message: Int32, label: Int32
  ) {
    let tag = firstTag &+ message
    expected.append(Expected(peer: peer, tag: tag, bytes: bytes, count: count, label: label))
  }

  package func nextFinished() throws -> Int32? {
    if finished.isEmpty { try collect() }
    return finished.popLast()
  }

  package var awaitedRanks: [Int] {
    Set(expected.map { Int($0.peer) } + sending.values.map { Int($0) }).sorted()
  }

  private func collect() throws {
    let new = hub.inboxes[Int(rank)].content.withLock { content in
      defer { content = Content() }
      return content
    }
    for label in new.received { sending[label] = nil }
    finished += new.received
    arrived += new.arriving
    for (position, message) in arrived.enumerated().reversed() {
      guard
        let index = expected.firstIndex(where: {
          $0.peer == message.source && $0.tag == message.tag
        })
      else { continue }
      arrived.remove(at: position)
      try take(message, as: expected.remove(at: index))
    }
  }

  private func take(_ message: Arriving, as expected: Expected) throws {
    guard message.count == expected.count else {
      throw MPIError(
        operation: "a collective operation",
        message: "rank \(rank) expected \(expected.count) bytes from rank \(message.source), "
          + "but it sent \(message.count)")
    }
    expected.bytes.copyMemory(from: message.bytes, byteCount: message.count)
    hub.inboxes[Int(message.source)].content.withLock { $0.received.append(message.label) }
    finished.append(expected.label)
  }
}
