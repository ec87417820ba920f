internal import CMPI

/// The clean-up on this rank after a generation of a communicator has failed.
///
/// Once no message can arrive in memory of the failed calls, the rank tells all others that it has stopped. It then
/// waits for their notices, receives every message that they sent to it before they stopped, and waits for its own
/// sends to complete. After that, no message of the generation is in flight to this rank, on any network.
final class Closing: InFlight {
  private let agreement: Agreement
  private let own: Notice
  private var notices: [Notice] = []
  private var messages: [Int: Message] = [:]
  private var isSettled = false
  private var hasTold = false
  /// Whether some call of this rank will throw the error.
  var isTold = false

  /// A message that arrives with no receive posted for it, such as after its receive was cancelled.
  private final class Message {
    var request: MPI_Request?
    let bytes: UnsafeMutableRawPointer

    init(byteCount: Int) { bytes = .allocate(byteCount: max(byteCount, 1), alignment: 64) }
    deinit { bytes.deallocate() }
  }

  init(_ agreement: Agreement, reason: String?) {
    self.agreement = agreement
    let first = agreement.startNumber
    own = Notice(
      sender: agreement.worldRanks[agreement.rank], generation: agreement.generation,
      lastNumber: agreement.number, position: agreement.position,
      host: agreement.hostCounters?.pointee ?? HostLines.Counters(), reason: reason,
      recent: CallRecord.ofProcess.recent(of: agreement.id, count: 16).filter { $0.number > first })
    notices = [own]
  }

  /// Completes the cancelled receives as far as possible now, and tells the other ranks that this one has stopped if no
  /// receive is left. Never ends the generation: calls that are still on this rank's stack must find that it has
  /// failed.
  func begin() {
    _ = agreement.endpoint.advanceClosing()
    if agreement.endpoint.isDeaf { tellAll() }
  }

  /// Tells every other rank that this one has stopped.
  private func tellAll() {
    hasTold = true
    for (rank, worldRank) in agreement.worldRanks.enumerated() where rank != agreement.rank {
      agreement.engine.control?.send(to: worldRank) {
        own.write(
          to: $0, communicator: agreement.id, messagesSent: agreement.endpoint.sent[rank])
      }
    }
  }

  func take(_ notice: Notice) {
    guard notice.generation == agreement.generation,
      !notices.contains(where: { $0.sender == notice.sender })
    else { return }
    notices.append(notice)
  }

  let failure: (any Error)? = nil
  /// The call after the last one: no rank makes it before the clean-up has ended.
  var call: (agreement: Agreement, number: UInt64)? { (agreement, agreement.number + 1) }
  let summary = "clearing up after ranks made different calls"

  var awaitedRanks: [Int] {
    let silent = agreement.worldRanks.filter { rank in
      !notices.contains { $0.sender == rank }
    }
    if !silent.isEmpty { return silent }
    return agreement.worldRanks.filter { $0 != own.sender }
  }

  func advance() -> Bool {
    if isSettled { return true }
    agreement.engine.control?.look()
    let isQuiet = agreement.endpoint.advanceClosing()
    guard agreement.endpoint.isDeaf else { return false }
    if !hasTold { tellAll() }
    var isDrained = true
    for notice in notices where notice.sender != own.sender {
      isDrained = drain(notice) && isDrained
    }
    guard isDrained, isQuiet, notices.count == agreement.worldRanks.count else { return false }
    isSettled = true
    agreement.reopen(self, notices)
    return true
  }

  /// Receives the messages of the notice's sender for which no receive was posted. Returns whether all have been
  /// received.
  private func drain(_ notice: Notice) -> Bool {
    guard let rank = agreement.worldRanks.firstIndex(of: notice.sender) else { return true }
    let endpoint = agreement.endpoint
    while endpoint.received[rank] < notice.messagesSent {
      if let message = messages[rank] {
        var hasEnded: Int32 = 0
        MPI_Test(&message.request, &hasEnded, cmpi_status_ignore())
        if hasEnded == 0 { return false }
        messages[rank] = nil
        endpoint.received[rank] += 1
        continue
      }
      // Not MPI_Improbe: over libfabric's net provider MPI_Imrecv fails for all senders but the first. Only this thread
      // receives, so the message that was probed is the one that is received.
      var isThere: Int32 = 0
      var status = MPI_Status()
      MPI_Iprobe(Int32(rank), MPI_ANY_TAG, endpoint.handle, &isThere, &status)
      if isThere == 0 { return false }
      var count: Int32 = 0
      MPI_Get_count(&status, cmpi_byte(), &count)
      let message = Message(byteCount: Int(count))
      MPI_Irecv(
        message.bytes, count, cmpi_byte(), Int32(rank), status.MPI_TAG, endpoint.handle,
        &message.request)
      messages[rank] = message
    }
    return true
  }
}
