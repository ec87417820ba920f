internal import CKernels

/// A wait that may rightly be long: a rank polls for messages repeatedly, and sleeps in between.
///
/// The deadline counts from the last sign of life of the awaited ranks, not from the beginning of the wait: a server
/// without work, or a worker that waits for a slower one, does not hang as long as the awaited rank is alive.
package struct PatientWait {
  private let communicator: Communicator
  private var looks = 0
  private var since: UInt64 = 0
  private var hasLookedAround = false

  /// The nanoseconds at the beginning of a wait without sleep, so that a rank that answers soon is not kept waiting.
  private static let wakeful: UInt64 = 200_000
  /// The longest sleep, in seconds, while no message is in flight, and while messages are in flight.
  private static let (longestNap, shortNap) = (0.0005, 0.00005)

  /// Creates a wait for messages of a communicator's ranks.
  package init(on communicator: Communicator) { self.communicator = communicator }

  /// Ends the pauses, because a poll has found something.
  package mutating func wake() {
    looks = 0
    if hasLookedAround { communicator.makeProgress() }
    hasLookedAround = false
  }

  /// Pauses for a moment, because a poll has found nothing. Ends the job if the last sign of life is longer ago than
  /// the deadline.
  ///
  /// - Parameters:
  ///   - heard: The time of the last sign of life, by the monotonic clock.
  ///   - ranks: The ranks of the communicator that are waited for.
  ///   - summary: A description of the waiting operation, for messages.
  package mutating func rest(
    heard: UInt64, of ranks: @autoclosure () -> [Int], _ summary: @autoclosure () -> String
  ) {
    let engine = communicator.engine
    looks &+= 1
    if engine.givesWay { yieldCore() } else { ck_pause() }
    if looks == 1 { since = monotonicNanoseconds() }
    if looks & 7 != 0 && !hasLookedAround { return }
    let now = monotonicNanoseconds()
    let waited = now - since
    if waited < PatientWait.wakeful { return }
    engine.lookAround(
      nil, 0, since: hasLookedAround ? min(heard, now) : 0, now: now,
      awaiting: ranks().map { communicator.worldRanks[$0] }, summary())
    hasLookedAround = true
    // A message in flight advances only when it is polled.
    let longest = engine.isMoving ? PatientWait.shortNap : PatientWait.longestNap
    sleepThread(seconds: min(Double(waited) / 4e9, longest))
  }
}
