internal import CMPI

/// Which messages have completed: asks MPI, checks first messages, and posts the receives that waited for one.
extension MessageSet {
  /// Returns the label of a message that has completed, or nil if there is none now. Never blocks.
  ///
  /// - Throws: ``CallFailed``, if another rank's first message belongs to a different call, or the communicator's calls
  ///   have failed otherwise; ``MPIError``, if MPI failed.
  package func nextFinished() throws -> Int32? {
    while true {
      try checkGoesOn()
      if state.pointee.taken == state.pointee.finished {
        guard state.pointee.active > 0 else { return nil }
        try collect()
        if state.pointee.finished == 0 { return nil }
      }
      let label = finished[state.pointee.taken]
      state.pointee.taken += 1
      if label >= 0 { return label }
    }
  }

  /// Asks MPI which messages have completed, and removes them from the messages in flight.
  private func collect() throws {
    state.pointee.finished = 0
    state.pointee.taken = 0
    let count = state.pointee.active == 1 ? try testOne() : try testSome()
    guard count > 0 else { return }
    var ended = 0
    var isMismatch = false
    for position in 0..<Int(count) {
      let place = Int(indices[position])
      let entry = entries[place]
      switch entry.role {
      case .send, .ticket:
        if let slot = entry.slot { endpoint.pools[Int(entry.peer)].giveBack(slot) }
      case .receive:
        endpoint.received[Int(entry.peer)] &+= 1
        if bytes(of: statuses + position) != entry.expected { isMismatch = true }
      case .first:
        endpoint.received[Int(entry.peer)] &+= 1
        let (isSame, follows) = compare(entry, bytes(of: statuses + position))
        if !isSame { isMismatch = true }
        if isSame && follows {
          // The label is reported once the payload has arrived.
          entries[place].role = .receive
          entries[place].slot = nil
          try postReceive(entry, at: place)
          continue
        }
      }
      finished[ended] = entry.label
      ended += 1
    }
    state.pointee.finished = ended
    closeGaps()
    if isMismatch {
      // Messages that completed at the same time start nothing more.
      state.pointee.finished = 0
      agreement.fail(isTold: true)
      throw CallFailed(generation: state.pointee.status >> 1)
    }
    if state.pointee.held > 0 { try postHeld() }
  }

  /// Checks the ticket of a first message, and copies its payload out of its slot. Returns whether the ticket is this
  /// call's, and whether the payload follows as a separate message.
  private func compare(_ entry: Entry, _ bytes: Int) -> (isSame: Bool, follows: Bool) {
    guard let slot = entry.slot else { return (false, false) }
    let pool = endpoint.pools[Int(entry.peer)]
    defer { pool.giveBack(slot) }
    let ticket = state.pointee.ticket
    guard bytes >= SlotPool.ticketBytes, slot.load(as: UInt64.self) == ticket.number,
      slot.load(fromByteOffset: 8, as: UInt64.self) == ticket.running,
      slot.load(fromByteOffset: 16, as: UInt64.self) == UInt64(entry.expected)
    else { return (false, false) }
    comparedIn[Int(entry.peer)] = ticket.number
    if entry.expected > pool.largestPayload { return (true, true) }
    guard bytes == SlotPool.ticketBytes + entry.expected else { return (false, false) }
    entry.target?.copyMemory(from: slot + SlotPool.ticketBytes, byteCount: entry.expected)
    return (true, false)
  }

  /// Posts the receives that waited for their rank's first message, in their order.
  private func postHeld() throws {
    var kept = 0
    let count = state.pointee.held
    for index in 0..<count {
      let entry = held[index]
      if isCompared(entry.peer) {
        try postReceive(entry, at: reserve(entry))
      } else {
        held[kept] = entry
        kept += 1
      }
    }
    state.pointee.held = kept
  }

  private func testSome() throws -> Int32 {
    var count: Int32 = 0
    let code = MPI_Testsome(
      Int32(state.pointee.active), requests, &count, indices, statuses)
    if code != MPI_SUCCESS { throw failure(code, count) }
    return count
  }

  /// Same as ``testSome()``, for a single message, such as the last one of a small vector. `MPI_Test` checks the
  /// message again after MPI has made progress, and not only before, so its completion is seen one call earlier.
  private func testOne() throws -> Int32 {
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

  func closeGaps() {
    var kept = 0
    for place in 0..<state.pointee.active where requests[place] != cmpi_request_null() {
      if kept != place {
        requests[kept] = requests[place]
        entries[kept] = entries[place]
      }
      kept += 1
    }
    state.pointee.active = kept
  }

  private func bytes(of status: UnsafeMutablePointer<MPI_Status>) -> Int {
    var bytes: Int32 = 0
    MPI_Get_count(status, cmpi_byte(), &bytes)
    return Int(bytes)
  }

  private func failure(_ code: Int32, _ count: Int32) -> MPIError {
    var error = MPIError("MPI_Testsome", code: code)
    // The error code of each message is in its status (MPI_ERR_IN_STATUS).
    for position in 0..<max(0, Int(count)) {
      let one = statuses[position].MPI_ERROR
      guard one != MPI_SUCCESS, one != Int32(MPI_ERR_PENDING) else { continue }
      let entry = entries[Int(indices[position])]
      error = MPIError(
        "a message to or from rank \(endpoint.worldRanks[Int(entry.peer)])", code: one)
    }
    closeGaps()
    return fail(error)
  }
}
