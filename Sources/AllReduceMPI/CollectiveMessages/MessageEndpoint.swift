internal import CMPI

/// A communicator's own end of all messages that schedules send: how many went each way, and what is
/// under way.
///
/// The numbers let ranks that disagree clean up: each tells the others how many messages it sent
/// them, and receives as many as it was sent (``Closing``).
package final class MessageEndpoint {
  let handle: MPI_Comm
  let worldRanks: [Int]
  /// Whether tags have 31 bits, the upper 16 of which distinguish calls.
  let hasWideTags: Bool
  /// Slots for the first messages that this rank and each other exchange.
  let pools: UnsafeMutablePointer<SlotPool>
  /// The bytes of the largest slot that a first message may take.
  let slotBytes: Int
  /// Messages sent to, and received from, each rank in the present generation.
  let sent: UnsafeMutablePointer<UInt64>
  let received: UnsafeMutablePointer<UInt64>
  /// Twice the generation, and one more once it has failed: what a call's messages must find as it was
  /// when they began.
  package let status: UnsafeMutablePointer<UInt64>
  private var sets: [Unmanaged<MessageSet>] = []
  /// Sets that had messages under way when the generation failed.
  private var closingSets: [MessageSet] = []

  /// - Parameters:
  ///   - handle: The MPI communicator of the messages.
  ///   - worldRanks: Its ranks, as ranks of the job.
  ///   - isFar: Whether each of them is on another host.
  init(_ handle: MPI_Comm, worldRanks: [Int], isFar: [Bool]) {
    self.handle = handle
    self.worldRanks = worldRanks
    let hasWideTags = Communicator.largestTag >= MessageTags.largest
    self.hasWideTags = hasWideTags
    let chosen: [SlotPool] = isFar.map { $0 && !hasWideTags ? .large : .small }
    pools = .allocate(capacity: chosen.count)
    pools.initialize(from: chosen, count: chosen.count)
    slotBytes = chosen.map(\.bytes).max() ?? 0
    sent = .allocate(capacity: worldRanks.count)
    received = .allocate(capacity: worldRanks.count)
    sent.initialize(repeating: 0, count: worldRanks.count)
    received.initialize(repeating: 0, count: worldRanks.count)
    status = .allocate(capacity: 1)
    status.initialize(to: 0)
  }

  deinit {
    status.deallocate()
    pools.deallocate()
    sent.deallocate()
    received.deallocate()
  }

  func add(_ set: MessageSet) { sets.append(Unmanaged.passUnretained(set)) }

  func remove(_ set: MessageSet) {
    let pointer = Unmanaged.passUnretained(set).toOpaque()
    if let index = sets.lastIndex(where: { $0.toOpaque() == pointer }) {
      sets.swapAt(index, sets.count - 1)
      sets.removeLast()
    }
  }

  /// Cancels all receives whose messages have not begun to arrive; nothing more is posted.
  func close() {
    status.pointee |= 1
    closingSets = sets.map { $0.takeUnretainedValue() }.filter { $0.close() }
  }

  /// Moves what is still under way. Returns whether nothing is.
  func advanceClosing() -> Bool {
    closingSets.removeAll { $0.advanceClosing() }
    return closingSets.isEmpty
  }

  /// Whether no message can still arrive in memory of failed calls.
  var isDeaf: Bool { closingSets.allSatisfy { !$0.isReceiving } }

  /// A new generation begins.
  func reopen() {
    status.pointee += 1
    sent.update(repeating: 0, count: worldRanks.count)
    received.update(repeating: 0, count: worldRanks.count)
  }
}
