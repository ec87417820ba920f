internal import CMPI

/// Messages of a collective that are under way at once, each known by a label.
///
/// Schedules run on it. No message of a different call may reach the caller's memory, so each rank's first
/// message identifies the call that it belongs to. It holds room for a fixed number of messages and allocates
/// nothing after it was made. `MPI_Isend`, `MPI_Irecv`, `MPI_Testsome`, `MPI_Test`.
///
/// - A small first message travels with the call's ``Ticket``. It is received into a slot that holds the
///   largest such message, and compared, before anything else from that rank is received.
/// - A larger one has 16 bits of a hash over the ticket and its size in its tag, where tags have 31 bits
///   (``MessageEndpoint/hasWideTags``): it costs nothing, and MPI itself never brings messages of different
///   calls together. Of 65,536 disagreements that no other message shows, one passes unseen; it is found by the
///   next small first message, because a ticket covers all calls so far.
/// - Where tags are shorter, first messages up to 60 KiB between hosts go through slots too. The ticket of a
///   larger one goes ahead as a message of its own, and the payload follows immediately.
package final class MessageSet {
  enum Role: UInt8 {
    case send
    /// A ticket that was sent ahead; it has no label.
    case ticket
    case receive
    /// A first message, which is received into a slot.
    case first
  }

  struct Entry {
    var role: Role
    var label: Int32
    /// The other end, as a rank of the communicator.
    var peer: Int32
    var tag: Int32
    /// Bytes expected.
    var expected: Int
    var target: UnsafeMutableRawPointer?
    var slot: UnsafeMutableRawPointer?
  }

  let agreement: Agreement
  let endpoint: MessageEndpoint
  private let handle: MPI_Comm
  /// The communicator's rank of each peer; nil where they are the same.
  private let group: [Int32]?
  private let meter: TrafficMeter
  private let watchdog: Watchdog
  private let capacity: Int
  let requests: UnsafeMutablePointer<MPI_Request?>
  let entries: UnsafeMutablePointer<Entry>
  let indices: UnsafeMutablePointer<Int32>
  let statuses: UnsafeMutablePointer<MPI_Status>
  let finished: UnsafeMutablePointer<Int32>
  /// Receives that wait for the first message of their rank to be compared.
  let held: UnsafeMutablePointer<Entry>
  /// The number of the last call in which each rank's first message has been compared; 0 for none. Numbers never
  /// repeat, after a failure neither (``Agreement/reopen(_:_:)``).
  let comparedIn: UnsafeMutablePointer<UInt64>
  /// Keeps the numbers at ``State/tallied`` allocated.
  private var tally = TrafficTally.current
  /// Counters in memory of their own: a class's properties would be checked at every access.
  let state: UnsafeMutablePointer<State>

  struct State {
    var active = 0
    var finished = 0
    var taken = 0
    var held = 0
    var ticket = Ticket(number: 0, running: 0)
    var tags = MessageTags(Ticket(number: 0, running: 0), areWide: false)
    /// ``MessageEndpoint/status`` when the call began.
    var status: UInt64 = 0
    /// Counts what is sent.
    var tallied = TrafficCounters.ofProcess.pointee.tallied
  }

  /// Room for `capacity` messages on the library's side of `communicator`.
  ///
  /// - Parameters:
  ///   - communicator: The communicator of the messages.
  ///   - capacity: The largest number of messages under way at once; tickets need no room of their own.
  ///   - group: The communicator's rank of each peer; nil where peers are its ranks.
  package init(on communicator: Communicator, capacity: Int, group: [Int]? = nil) {
    agreement = communicator.agreement
    endpoint = agreement.endpoint
    handle = endpoint.handle
    meter = communicator.meter
    watchdog = communicator.watchdog
    self.group = group?.map { Int32($0) }
    let ranks = communicator.size
    // A payload that follows its ticket is one message more.
    self.capacity = max(2 * capacity, 1)
    requests = .allocate(capacity: self.capacity)
    entries = .allocate(capacity: self.capacity)
    indices = .allocate(capacity: self.capacity)
    statuses = .allocate(capacity: self.capacity)
    finished = .allocate(capacity: self.capacity)
    held = .allocate(capacity: max(capacity, 1))
    comparedIn = .allocate(capacity: ranks)
    state = .allocate(capacity: 1)
    requests.initialize(repeating: nil, count: self.capacity)
    statuses.initialize(repeating: MPI_Status(), count: self.capacity)
    comparedIn.initialize(repeating: 0, count: ranks)
    state.initialize(to: State())
    endpoint.add(self)
  }

  deinit {
    endpoint.remove(self)
    requests.deallocate()
    entries.deallocate()
    indices.deallocate()
    statuses.deallocate()
    finished.deallocate()
    held.deallocate()
    comparedIn.deallocate()
    state.deallocate()
  }

  /// Counts what is sent from now on in the tally in use now, also when it is sent later.
  package func useCurrentTally() {
    let tallied = TrafficCounters.ofProcess.pointee.tallied
    if state.pointee.tallied == tallied { return }
    state.pointee.tallied = tallied
    tally = .current
  }

  /// Begins a call's messages; none is under way.
  package func begin(_ ticket: Ticket) {
    state.pointee.active = 0
    state.pointee.finished = 0
    state.pointee.taken = 0
    state.pointee.held = 0
    state.pointee.ticket = ticket
    state.pointee.tags = MessageTags(ticket, areWide: endpoint.hasWideTags)
    state.pointee.status = endpoint.status.pointee & ~1
  }

  /// The bytes of the largest slot that a first message may take.
  package var slotBytes: Int { endpoint.slotBytes }

  /// Whether nothing is under way.
  package var isIdle: Bool { state.pointee.active == 0 }

  /// The call that the messages belong to.
  package var call: (agreement: Agreement, number: UInt64)? {
    (agreement, state.pointee.ticket.number)
  }

  /// Posts a send. The memory must stay as it is until the label comes back from ``nextFinished()``.
  ///
  /// - Parameters:
  ///   - bytes: The data to send.
  ///   - count: How many bytes.
  ///   - peer: The receiver.
  ///   - message: The number of the message on its channel, from 0.
  ///   - label: The label that ``nextFinished()`` returns once the message has left.
  /// - Throws: ``CallFailed``; ``MPIError``.
  package func send(
    _ bytes: UnsafeRawPointer, count: Int, to peer: Int32, message: Int32, label: Int32
  ) throws {
    try checkGoesOn()
    let peer = rank(of: peer)
    meter.count(count, to: Int(peer), tallied: state.pointee.tallied)
    let pool = endpoint.pools[Int(peer)]
    if message != 0 || isToldByTag(count, pool) {
      let tag = state.pointee.tags.tag(of: message, bytes: count)
      return try post(bytes, count, .send, label, peer, tag, slot: nil)
    }
    let tag = state.pointee.tags.first
    meter.countAgreement(
      SlotPool.ticketBytes, to: Int(peer), tallied: state.pointee.tallied)
    let slot = pool.take()
    let ticket = state.pointee.ticket
    slot.storeBytes(of: ticket.number, as: UInt64.self)
    slot.storeBytes(of: ticket.running, toByteOffset: 8, as: UInt64.self)
    slot.storeBytes(of: UInt64(count), toByteOffset: 16, as: UInt64.self)
    slot.storeBytes(of: UInt64(ticket.lane), toByteOffset: 24, as: UInt64.self)
    if count <= pool.largestPayload {
      (slot + SlotPool.ticketBytes).copyMemory(from: bytes, byteCount: count)
      try post(slot, SlotPool.ticketBytes + count, .send, label, peer, tag, slot: slot)
    } else {
      try post(slot, SlotPool.ticketBytes, .ticket, -1, peer, tag, slot: slot)
      try post(bytes, count, .send, label, peer, tag, slot: nil)
    }
  }

  /// Whether the tag of a first message of `count` bytes identifies its call.
  @inline(__always)
  private func isToldByTag(_ count: Int, _ pool: SlotPool) -> Bool {
    endpoint.hasWideTags && count > pool.largestPayload
  }

  private func post(
    _ bytes: UnsafeRawPointer, _ count: Int, _ role: Role, _ label: Int32, _ peer: Int32,
    _ tag: Int32, slot: UnsafeMutableRawPointer?
  ) throws {
    let place = reserve(
      Entry(
        role: role, label: label, peer: peer, tag: tag, expected: count, target: nil, slot: slot))
    let code = watchdog.guarding("MPI_Isend", to: endpoint.worldRanks[Int(peer)]) {
      MPI_Isend(bytes, Int32(count), cmpi_byte(), peer, tag, handle, requests + place)
    }
    try check(code, "MPI_Isend")
    endpoint.sent[Int(peer)] &+= 1
  }

  /// Receives exactly `count` bytes, as soon as the first message of the channel has been compared.
  package func receive(
    into bytes: UnsafeMutableRawPointer, count: Int, from peer: Int32, message: Int32, label: Int32
  ) throws {
    try checkGoesOn()
    let peer = rank(of: peer)
    let pool = endpoint.pools[Int(peer)]
    var entry = Entry(
      role: .receive, label: label, peer: peer,
      tag: state.pointee.tags.tag(of: message, bytes: count), expected: count, target: bytes,
      slot: nil)
    let isToldByTag = isToldByTag(count, pool)
    if message == 0 && isToldByTag { comparedIn[Int(peer)] = state.pointee.ticket.number }
    if message == 0 && !isToldByTag {
      let slot = pool.take()
      entry.role = .first
      entry.tag = state.pointee.tags.first
      entry.slot = slot
      let place = reserve(entry)
      try check(
        MPI_Irecv(
          slot, Int32(pool.bytes), cmpi_byte(), peer, entry.tag, handle, requests + place),
        "MPI_Irecv")
    } else if isCompared(peer) {
      try postReceive(entry, at: reserve(entry))
    } else {
      held[state.pointee.held] = entry
      state.pointee.held += 1
    }
  }

  func postReceive(_ entry: Entry, at place: Int) throws {
    try check(
      MPI_Irecv(
        entry.target, Int32(entry.expected), cmpi_byte(), entry.peer, entry.tag, handle,
        requests + place), "MPI_Irecv")
  }

  /// An error of MPI ends the generation: what else is posted must not arrive after it was thrown.
  @inline(__always)
  func check(_ code: Int32, _ operation: StaticString) throws {
    if code != MPI_SUCCESS { throw fail(MPIError("\(operation)", code: code)) }
  }

  func fail(_ error: MPIError) -> MPIError {
    agreement.fail("\(error)", isTold: true)
    return error
  }

  /// Throws once the generation in which the call began has failed: after that nothing is posted.
  @inline(__always)
  func checkGoesOn() throws(CallFailed) {
    if endpoint.status.pointee != state.pointee.status {
      throw CallFailed(generation: state.pointee.status >> 1)
    }
  }

  /// The world ranks at the other ends of the messages under way, ascending.
  package var awaitedRanks: [Int] {
    Set((0..<state.pointee.active).map { endpoint.worldRanks[Int(entries[$0].peer)] }).sorted()
  }

  @inline(__always)
  private func rank(of peer: Int32) -> Int32 { group.map { $0[Int(peer)] } ?? peer }

  /// Whether the first message that a rank of the communicator sent for this call has been compared.
  @inline(__always)
  func isCompared(_ peer: Int32) -> Bool {
    comparedIn[Int(peer)] == state.pointee.ticket.number
  }

  @inline(__always)
  func reserve(_ entry: Entry) -> Int {
    let place = state.pointee.active
    precondition(place < capacity, "A message set for \(capacity) messages is full.")
    entries[place] = entry
    requests[place] = cmpi_request_null()
    state.pointee.active = place + 1
    return place
  }
}
