/// Counts the calls on a communicator: what is done at every call.
///
/// It holds addresses alone, so that a small reduction counts no references.
@usableFromInline
package struct CallCounter {
  @usableFromInline package let state: UnsafeMutablePointer<Agreement.State>
  @usableFromInline package let record: CallRecord

  @usableFromInline
  package init(state: UnsafeMutablePointer<Agreement.State>, record: CallRecord) {
    self.state = state
    self.record = record
  }

  /// Counts a call and notes it in the record.
  ///
  /// - Returns: The ticket that its messages carry.
  /// - Throws: ``MPIError``, if the communicator's calls failed before and this one must fail too.
  @inlinable @inline(__always)
  package func begin(_ call: Call) throws -> Ticket {
    let ticket = try count(call)
    note(call, ticket)
    if state.pointee.obstacles != 0 { try compareWithDoubts() }
    return ticket
  }

  /// The first half of ``begin(_:)``: what the call's messages carry. ``note(_:_:)`` must follow before this
  /// rank waits.
  ///
  /// In shared memory all that can be done after the call has been announced is done there, while this
  /// rank waits: until the line of the announcement has come from the other core, no later store ends, and
  /// no earlier one may stand before it.
  @inlinable @inline(__always)
  package func count(_ call: Call) throws -> Ticket {
    if state.pointee.obstacles != 0 { try clearAway() }
    return Ticket(
      number: state.pointee.number &+ 1, running: call.running(after: state.pointee.running))
  }

  /// The second half: counts the call, and notes it in the record.
  @inlinable @inline(__always)
  package func note(_ call: Call, _ ticket: Ticket) {
    state.pointee.number = ticket.number
    state.pointee.running = ticket.running
    record.note(
      call, communicator: state.pointee.id, number: ticket.number, running: ticket.running)
  }

  /// Whether something stands in the way of this call or the next; then ``begin(_:)`` is to be used.
  @inlinable @inline(__always)
  package var hasObstacles: Bool { state.pointee.obstacles != 0 }

  /// After a call that went well: throws the error of an earlier one, if this rank owes it.
  @inlinable @inline(__always)
  package func end() throws {
    if state.pointee.obstacles != 0 { try throwOwed() }
  }

  /// Whether the present generation has failed.
  @inlinable @inline(__always)
  package var hasFailed: Bool { state.pointee.obstacles & 1 != 0 }

  @inline(never) @usableFromInline
  package func clearAway() throws { try state.pointee.owner.takeUnretainedValue().clear() }

  @inline(never) @usableFromInline
  package func compareWithDoubts() throws {
    try state.pointee.owner.takeUnretainedValue().compareWithDoubts()
  }

  @inline(never) @usableFromInline
  package func throwOwed() throws { try state.pointee.owner.takeUnretainedValue().throwOwed() }
}
