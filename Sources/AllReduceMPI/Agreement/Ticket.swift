/// Identifies a call in its messages, so that their receiver can check that it made the same call.
@usableFromInline
package struct Ticket: Equatable, Sendable {
  /// The number of the call on its communicator, from 1.
  @usableFromInline package var number: UInt64
  /// The hash over all calls on the communicator, this one included.
  @usableFromInline package var running: UInt64
  /// 0 for messages among all ranks, 1 for those among the hosts' carriers (``CarrierGroup``).
  @usableFromInline package var lane: Int32 = 0

  @inlinable
  package init(number: UInt64, running: UInt64, lane: Int32 = 0) {
    self.number = number
    self.running = running
    self.lane = lane
  }
}

/// The ranks of a communicator no longer agree, or one of them gave a call up.
///
/// Thrown through the code that runs a call; ``Agreement/settle()`` gives the error for the caller.
@usableFromInline
package struct CallFailed: Error {
  /// The generation of the communicator's calls that has failed; `max` for the present one.
  @usableFromInline package var generation: UInt64

  @inlinable
  package init(generation: UInt64 = .max) { self.generation = generation }
}
