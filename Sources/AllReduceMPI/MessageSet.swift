internal import CMPI

/// Messages of the library that are under way at once, each known by a label.
///
/// What schedules run on. It holds room for a fixed number of messages and allocates nothing after
/// it was made. `MPI_Isend`, `MPI_Irecv`, `MPI_Testsome`, `MPI_Test`.
package final class MessageSet {
  private struct Entry {
    var label: Int32
    var peer: Int32
    /// Bytes expected; -1 for a send.
    var expected: Int
  }

  private let handle: MPI_Comm
  private let worldRanks: [Int]
  private let capacity: Int
  private let requests: UnsafeMutablePointer<MPI_Request?>
  private let entries: UnsafeMutablePointer<Entry>
  private let indices: UnsafeMutablePointer<Int32>
  private let statuses: UnsafeMutablePointer<MPI_Status>
  private let finished: UnsafeMutablePointer<Int32>
  /// Counters in memory of their own: a class's properties would be checked at every access.
  private let state: UnsafeMutablePointer<State>

  private struct State {
    var active = 0
    var finished = 0
    var taken = 0
  }

  /// Room for `capacity` messages on the library's side of `communicator`.
  package init(on communicator: Communicator, capacity: Int) {
    handle = communicator.internalHandle
    worldRanks = communicator.worldRanks
    self.capacity = max(capacity, 1)
    requests = .allocate(capacity: self.capacity)
    entries = .allocate(capacity: self.capacity)
    indices = .allocate(capacity: self.capacity)
    statuses = .allocate(capacity: self.capacity)
    finished = .allocate(capacity: self.capacity)
    state = .allocate(capacity: 1)
    requests.initialize(repeating: nil, count: self.capacity)
    statuses.initialize(repeating: MPI_Status(), count: self.capacity)
    state.initialize(to: State())
  }

  deinit {
    requests.deallocate()
    entries.deallocate()
    indices.deallocate()
    statuses.deallocate()
    finished.deallocate()
    state.deallocate()
  }

  /// Posts a send. The memory must stay as it is until the label comes back from ``nextFinished()``.
  package func send(
    _ bytes: UnsafeRawPointer, count: Int, to peer: Int32, tag: Int32, label: Int32
  ) throws(MPIError) {
    let slot = reserve(label, peer, expected: -1)
    try MPIError.check(
      MPI_Isend(bytes, Int32(count), cmpi_byte(), peer, tag, handle, requests + slot), "MPI_Isend")
  }

  /// Posts a receive of exactly `count` bytes.
  package func receive(
    into bytes: UnsafeMutableRawPointer, count: Int, from peer: Int32, tag: Int32, label: Int32
  ) throws(MPIError) {
    let slot = reserve(label, peer, expected: count)
    try MPIError.check(
      MPI_Irecv(bytes, Int32(count), cmpi_byte(), peer, tag, handle, requests + slot), "MPI_Irecv")
  }

  /// The label of a message that has ended, or nil if none has ended by now. Never blocks.
  ///
  /// - Throws: ``MPIError``, if MPI failed or a message had another size than this rank expected.
  package func nextFinished() throws(MPIError) -> Int32? {
    if state.pointee.taken == state.pointee.finished {
      guard state.pointee.active > 0 else { return nil }
      try collect()
      if state.pointee.finished == 0 { return nil }
    }
    let label = finished[state.pointee.taken]
    state.pointee.taken += 1
    return label
  }

  /// The world ranks at the other ends of the messages under way, ascending.
  package var awaitedRanks: [Int] {
    Set((0..<state.pointee.active).map { worldRanks[Int(entries[$0].peer)] }).sorted()
  }

  private func reserve(_ label: Int32, _ peer: Int32, expected: Int) -> Int {
    let slot = state.pointee.active
    precondition(slot < capacity, "A message set for \(capacity) messages is full.")
    entries[slot] = Entry(label: label, peer: peer, expected: expected)
    state.pointee.active = slot + 1
    return slot
  }

  /// Asks MPI what has ended and closes the gaps.
  private func collect() throws(MPIError) {
    state.pointee.finished = 0
    state.pointee.taken = 0
    let count = state.pointee.active == 1 ? try testOne() : try testSome()
    guard count > 0 else { return }
    for position in 0..<Int(count) {
      let entry = entries[Int(indices[position])]
      if entry.expected >= 0 { try checkSize(entry, statuses + position) }
      finished[position] = entry.label
    }
    state.pointee.finished = Int(count)
    closeGaps()
  }

  private func testSome() throws(MPIError) -> Int32 {
    var count: Int32 = 0
    let code = MPI_Testsome(
      Int32(state.pointee.active), requests, &count, indices, statuses)
    if code != MPI_SUCCESS { throw failure(code, count) }
    return count
  }

  /// As ``testSome()``, for a single message: a small vector's last one. MPI looks at it again after
  /// it has moved the messages, and not only before, so it is seen one call earlier.
  private func testOne() throws(MPIError) -> Int32 {
    var hasEnded: Int32 = 0
    let code = MPI_Test(requests, &hasEnded, statuses)
    indices[0] = 0
    if code != MPI_SUCCESS {
      // Only calls that test several messages leave the code here.
      statuses[0].MPI_ERROR = code
      throw failure(code, 1)
    }
    return hasEnded
  }

  private func closeGaps() {
    var kept = 0
    for slot in 0..<state.pointee.active where requests[slot] != cmpi_request_null() {
      if kept != slot {
        requests[kept] = requests[slot]
        entries[kept] = entries[slot]
      }
      kept += 1
    }
    state.pointee.active = kept
  }

  private func checkSize(
    _ entry: Entry, _ status: UnsafeMutablePointer<MPI_Status>
  ) throws(MPIError) {
    var bytes: Int32 = 0
    MPI_Get_count(status, cmpi_byte(), &bytes)
    if Int(bytes) != entry.expected { throw mismatch(entry, found: "\(bytes) bytes") }
  }

  private func mismatch(_ entry: Entry, found: String) -> MPIError {
    MPIError(
      operation: "a collective operation",
      message: "expected \(entry.expected) bytes from rank \(worldRanks[Int(entry.peer)]), but it "
        + "sent \(found); all ranks must call the same operation with the same count, type, wire "
        + "format and algorithm, in the same order")
  }

  private func failure(_ code: Int32, _ count: Int32) -> MPIError {
    // The code of each message stands in its status (MPI_ERR_IN_STATUS).
    for position in 0..<max(0, Int(count)) {
      let one = statuses[position].MPI_ERROR
      guard one != MPI_SUCCESS, one != Int32(MPI_ERR_PENDING) else { continue }
      let entry = entries[Int(indices[position])]
      if MPIError("", code: one).errorClass == MPI_ERR_TRUNCATE {
        return mismatch(entry, found: "more")
      }
      return MPIError("a message with rank \(worldRanks[Int(entry.peer)])", code: one)
    }
    return MPIError("MPI_Testsome", code: code)
  }
}
