internal import CMPI

/// The messages of a collective that are in flight at once, each known by a label.
///
/// Schedules run on it. No message of a different call may reach the caller's memory, so each rank's first message
/// identifies the call that it belongs to. The set has room for a fixed number of messages and allocates nothing after
/// it was created. `MPI_Isend`, `MPI_Irecv`, `MPI_Testsome`, `MPI_Test`.
///
/// - A small first message is sent together with the call's ``Ticket``. It is received into a slot that fits the
///   largest such message, and its ticket is compared before anything else from that rank is received.
/// - A larger first message has 16 bits of a hash over the ticket and its size in its tag, where tags have 31 bits
///   (``MessageEndpoint/hasWideTags``): this costs nothing, and MPI itself never matches messages of different calls.
///   Of 65,536 disagreements that no other message shows, one goes unnoticed; the next small first message reveals it,
///   because a ticket covers all calls so far.
/// - Where tags are shorter, first messages of up to 60 KiB between hosts go through slots too. The ticket of a larger
///   first message is sent ahead as a separate message, and the payload follows immediately.
package final class MessageSet {
  enum Role: UInt8 {
    case send
    /// A ticket that is sent ahead of its payload; it has no label.
    case ticket
    case receive
    /// A first message, which is received into a slot.
    case first
  }

  struct Entry {
    var role: Role
    var label: Int32
    /// The rank at the other end, as a rank of the communicator.
    var peer: Int32
    var tag: Int32
    /// The expected number of bytes.
    var expected: Int
    var target: UnsafeMutableRawPointer?
    var slot: UnsafeMutableRawPointer?
  }

  let agreement: Agreement
  let endpoint: MessageEndpoint
  private let handle: MPI_Comm
  /// The communicator's rank of each peer; nil where peers are numbered as its ranks.
  private let group: [Int32]?
  private let meter: TrafficMeter
  private let watchdog: Watchdog
  private let capacity: Int
  let requests: UnsafeMutablePointer<MPI_Request?>
  let entries: UnsafeMutablePointer<Entry>
  let indices: UnsafeMutablePointer<Int32>
  let statuses: UnsafeMutablePointer<MPI_Status>
  let finished: UnsafeMutablePointer<Int32>
  /// Receives that are not posted before their rank's first message has been compared.
  let held: UnsafeMutablePointer<Entry>
  /// The number of the last call in which each rank's first message was compared; 0 for none. The numbers never repeat,
  /// not even after a failure (``Agreement/reopen(_:_:)``).
  let comparedIn: UnsafeMutablePointer<UInt64>
  /// Keeps the memory at ``State/tallied`` allocated.
  private var tally = TrafficTally.current
  /// The counters, in separate memory, because accesses to a class's properties are checked each time.
  let state: UnsafeMutablePointer<State>

  struct State {
    var active = 0
    var finished = 0
    var taken = 0
    var held = 0
    var ticket = Ticket(number: 0, running: 0)
    var tags = MessageTags(Ticket(number: 0, running: 0), areWide: false)
    /// The value of ``MessageEndpoint/status`` when the call began.
    var status: UInt64 = 0
    /// Where the bytes that are sent are counted.
    var tallied = TrafficCounters.ofProcess.pointee.tallied
  }

  /// Creates a set with room for `capacity` messages, on the library's internal MPI communicator of `communicator`.
  ///
  /// - Parameters:
  ///   - communicator: The communicator of the messages.
  ///   - capacity: The largest number of messages in flight at once; tickets need no room of their own.
  ///   - group: The communicator's rank of each peer; nil where peers are numbered as its ranks.
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

  /// Counts all bytes that this set sends from now on in the tally that is in use now, even if they are sent when it no
  /// longer is.
  package func useCurrentTally() {
    let tallied = TrafficCounters.ofProcess.pointee.tallied
    if state.pointee.tallied == tallied { return }
    state.pointee.tallied = tallied
    tally = .current
  }

  /// Begins the messages of a call. No message of the set may be in flight.
  package func begin(_ ticket: Ticket) {
    state.pointee.active = 0
    state.pointee.finished = 0
    state.pointee.taken = 0
    state.pointee.held = 0
    state.pointee.ticket = ticket
    state.pointee.tags = MessageTags(ticket, areWide: endpoint.hasWideTags)
    state.pointee.status = endpoint.status.pointee & ~1
  }

  /// The number of bytes of the largest slot for a first message.
  package var slotBytes: Int { endpoint.slotBytes }

  /// Whether no message is in flight.
  package var isIdle: Bool { state.pointee.active == 0 }

  /// The call that the messages belong to.
  package var call: (agreement: Agreement, number: UInt64)? {
    (agreement, state.pointee.ticket.number)
  }

  /// Posts a send. The memory must not change until ``nextFinished()`` has returned the label.
  ///
  /// - Parameters:
  ///   - bytes: The data to send.
  ///   - count: The number of bytes.
  ///   - peer: The receiver.
  ///   - message: The number of the message on its channel, from 0.
  ///   - label: The label that ``nextFinished()`` returns once the message has been sent.
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

  /// Returns whether the tag of a first message of `count` bytes identifies its call, so that it needs no ticket.
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

  /// Receives exactly `count` bytes. The receive is posted once the channel's first message has been compared, or at
  /// once if it is for that message.
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

  /// Throws an error of MPI, and ends the generation first, because messages that are still posted must not arrive
  /// after the error was thrown.
  @inline(__always)
  func check(_ code: Int32, _ operation: StaticString) throws {
    if code != MPI_SUCCESS { throw fail(MPIError("\(operation)", code: code)) }
  }

  func fail(_ error: MPIError) -> MPIError {
    agreement.fail("\(error)", isTold: true)
    return error
  }

  /// Throws if the generation in which the call began has failed, since nothing may be posted after that.
  @inline(__always)
  func checkGoesOn() throws(CallFailed) {
    if endpoint.status.pointee != state.pointee.status {
      throw CallFailed(generation: state.pointee.status >> 1)
    }
  }

  /// The world ranks of the peers of the messages in flight, ascending.
  package var awaitedRanks: [Int] {
    Set((0..<state.pointee.active).map { endpoint.worldRanks[Int(entries[$0].peer)] }).sorted()
  }

  @inline(__always)
  private func rank(of peer: Int32) -> Int32 { group.map { $0[Int(peer)] } ?? peer }

  /// Returns whether the first message that a rank of the communicator sent for this call has been compared.
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
