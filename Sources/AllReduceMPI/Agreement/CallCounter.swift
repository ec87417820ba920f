/// Counts the calls on a communicator: the work that every call does.
///
/// It consists of addresses only, so that a small reduction counts no references.
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
  /// - Returns: The ticket that the call's messages carry.
  /// - Throws: ``MPIError``, if the communicator's calls failed before and this one must fail too.
  @inlinable @inline(__always)
  package func begin(_ call: Call) throws -> Ticket {
    let ticket = try count(call)
    note(call, ticket)
    if state.pointee.obstacles != 0 { try compareWithDoubts() }
    return ticket
  }

  /// Returns the ticket that the call's messages carry: the first half of ``begin(_:)``. Call ``note(_:_:)`` after it,
  /// before this rank waits.
  ///
  /// In shared memory, all work that can be done after the call has been announced is done then, while this rank waits.
  /// Until the cache line of the announcement has arrived from the other core, no later store completes, and earlier
  /// stores would delay the announcement.
  @inlinable @inline(__always)
  package func count(_ call: Call) throws -> Ticket {
    if state.pointee.obstacles != 0 { try clearAway() }
    return Ticket(
      number: state.pointee.number &+ 1, running: call.running(after: state.pointee.running))
  }

  /// Counts the call and notes it in the record: the second half of ``begin(_:)``.
  @inlinable @inline(__always)
  package func note(_ call: Call, _ ticket: Ticket) {
    state.pointee.number = ticket.number
    state.pointee.running = ticket.running
    record.note(
      call, communicator: state.pointee.id, number: ticket.number, running: ticket.running)
  }

  /// Whether this call or the next must not simply be made; in that case use ``begin(_:)``.
  @inlinable @inline(__always)
  package var hasObstacles: Bool { state.pointee.obstacles != 0 }

  /// Ends a call that succeeded: throws the error of an earlier call, if this rank still owes one.
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
