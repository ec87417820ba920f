internal import CMPI

/// The messages that schedules exchange on one communicator: the number sent to and received from each rank, and the
/// messages in flight.
///
/// The numbers let ranks that disagree clean up: each rank tells every other rank how many messages it sent to it, and
/// receives all messages that were sent to itself (``Closing``).
package final class MessageEndpoint {
  let handle: MPI_Comm
  let worldRanks: [Int]
  /// Whether tags have 31 bits, the upper 16 of which distinguish calls.
  let hasWideTags: Bool
  /// The pools of slots for the first messages that this rank exchanges with each other rank.
  let pools: UnsafeMutablePointer<SlotPool>
  /// The number of bytes of the largest slot for a first message.
  let slotBytes: Int
  /// The number of messages sent to each rank in the present generation.
  let sent: UnsafeMutablePointer<UInt64>
  /// The number of messages received from each rank in the present generation.
  let received: UnsafeMutablePointer<UInt64>
  /// Twice the number of the generation, plus one once it has failed. A call's messages must find it unchanged since
  /// they began.
  package let status: UnsafeMutablePointer<UInt64>
  private var sets: [Unmanaged<MessageSet>] = []
  /// The sets that had messages in flight when the generation failed.
  private var closingSets: [MessageSet] = []

  /// Creates the endpoint of a communicator, with nothing sent or received.
  ///
  /// - Parameters:
  ///   - handle: The MPI communicator of the messages.
  ///   - worldRanks: The communicator's ranks, as ranks of the job.
  ///   - isFar: Whether each of these ranks is on another host.
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

  /// Cancels all receives whose messages have not begun to arrive, and marks the generation as failed, so that nothing
  /// more is posted.
  func close() {
    status.pointee |= 1
    closingSets = sets.map { $0.takeUnretainedValue() }.filter { $0.close() }
  }

  /// Advances the messages still in flight after ``close()``. Returns whether none is in flight.
  func advanceClosing() -> Bool {
    closingSets.removeAll { $0.advanceClosing() }
    return closingSets.isEmpty
  }

  /// Whether no message can still arrive in the memory of failed calls.
  var isDeaf: Bool { closingSets.allSatisfy { !$0.isReceiving } }

  /// Begins a new generation, with nothing sent or received.
  func reopen() {
    status.pointee += 1
    sent.update(repeating: 0, count: worldRanks.count)
    received.update(repeating: 0, count: worldRanks.count)
  }
}
