/// Identifies the call that a message belongs to, so that the message's receiver can check that it made the same call.
@usableFromInline
package struct Ticket: Equatable, Sendable {
  /// The number of the call on its communicator, from 1.
  @usableFromInline package var number: UInt64
  /// The hash over all calls on the communicator, this one included.
  @usableFromInline package var running: UInt64
  /// 0 for messages among all ranks, 1 for messages among the ranks that exchange data between hosts (`CarrierGroup`).
  @usableFromInline package var lane: Int32 = 0

  @inlinable
  package init(number: UInt64, running: UInt64, lane: Int32 = 0) {
    self.number = number
    self.running = running
    self.lane = lane
  }
}

/// A call cannot continue, because the ranks of its communicator disagree or one of them gave up a call.
///
/// It is thrown through the code that runs a call; ``Agreement/settle(_:)`` returns the error for the caller.
@usableFromInline
package struct CallFailed: Error {
  /// The generation of the communicator's calls that has failed; `max` for the present generation.
  @usableFromInline package var generation: UInt64

  @inlinable
  package init(generation: UInt64 = .max) { self.generation = generation }
}
