internal import CMPI

/// How messages in flight end when their generation of calls fails.
extension MessageSet {
  /// Cancels the receives whose messages have not begun to arrive. Returns whether any message is in flight.
  func close() -> Bool {
    state.pointee.held = 0
    for place in 0..<state.pointee.active {
      switch entries[place].role {
      case .send, .ticket: break
      case .receive, .first: MPI_Cancel(requests + place)
      }
    }
    return state.pointee.active > 0
  }

  /// Whether a message may still arrive for a receive of this set.
  var isReceiving: Bool {
    (0..<state.pointee.active).contains {
      entries[$0].role == .receive || entries[$0].role == .first
    }
  }

  /// Advances the messages in flight after ``close()``. Returns whether none is in flight.
  func advanceClosing() -> Bool {
    guard state.pointee.active > 0 else { return true }
    var count: Int32 = 0
    MPI_Testsome(Int32(state.pointee.active), requests, &count, indices, statuses)
    for position in 0..<max(0, Int(count)) {
      let entry = entries[Int(indices[position])]
      if let slot = entry.slot { endpoint.pools[Int(entry.peer)].giveBack(slot) }
      if entry.role == .send || entry.role == .ticket { continue }
      var isCancelled: Int32 = 0
      MPI_Test_cancelled(statuses + position, &isCancelled)
      if isCancelled == 0 { endpoint.received[Int(entry.peer)] &+= 1 }
    }
    closeGaps()
    return state.pointee.active == 0
  }
}
