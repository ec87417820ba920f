internal import AllReduceMPI

/// A rank that is slowed down on purpose, to test the effect on the other ranks.
///
/// After each step the rank sleeps for (`factor` - 1) times as long as it has computed.
package struct Straggler: Hashable, Sendable {
  /// The rank that is slowed down.
  package var rank: Int
  /// The factor by which the rank's computing time is extended; 1 or more.
  package var factor: Double

  /// Creates a straggler from its rank and its factor.
  ///
  /// - Precondition: The factor is 1 or more.
  package init(rank: Int, factor: Double) {
    precondition(
      factor >= 1 && factor.isFinite, "the factor of a straggler must be 1 or more, not \(factor)")
    (self.rank, self.factor) = (rank, factor)
  }

  /// If `rank` is the straggler, sleeps for `factor - 1` times `seconds`, the time for which it has just computed.
  package func sleep(rank: Int, afterSeconds seconds: Double) {
    if rank == self.rank, seconds > 0 { sleepThread(seconds: (factor - 1) * seconds) }
  }
}
