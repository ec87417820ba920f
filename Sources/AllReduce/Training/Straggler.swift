internal import AllReduceMPI

/// A rank that is slowed down, to try what that does to the others.
///
/// After each step it sleeps `factor` - 1 times as long as it has computed.
package struct Straggler: Hashable, Sendable {
  /// The rank of all ranks.
  package var rank: Int
  /// How many times longer it takes than it would; 1 or more.
  package var factor: Double

  /// Names a rank and how slow it is.
  ///
  /// - Precondition: The factor is 1 or more.
  package init(rank: Int, factor: Double) {
    precondition(
      factor >= 1 && factor.isFinite, "a straggler takes 1 or more times as long, not \(factor)")
    (self.rank, self.factor) = (rank, factor)
  }

  /// Sleeps, on the rank that is meant, after it has computed for so long.
  package func sleep(rank: Int, afterSeconds seconds: Double) {
    if rank == self.rank, seconds > 0 { sleepThread(seconds: (factor - 1) * seconds) }
  }
}
