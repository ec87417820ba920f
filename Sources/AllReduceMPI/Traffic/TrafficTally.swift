/// The bytes that some operations exchange, even late, counted separately from those of all other operations.
///
/// A started operation keeps the tally that was in use at its start, and counts there whenever it advances, even while
/// the rank waits for something else.
package final class TrafficTally {
  let counts: UnsafeMutablePointer<Traffic>

  /// Creates a tally of zero bytes.
  package init() {
    counts = .allocate(capacity: 1)
    counts.initialize(to: Traffic())
  }

  deinit { counts.deallocate() }

  /// The bytes that the operations have exchanged so far.
  package var traffic: Traffic { counts.pointee }

  /// The tally in use.
  package static var current: TrafficTally { TrafficCounters.ofProcess.pointee.tally }

  /// Runs `body`, and counts in this tally the bytes that it exchanges and those that the operations it starts will
  /// exchange.
  ///
  /// A tally that is used within `body` counts its part instead of this tally.
  package func counting<Result: ~Copyable, Failure: Error>(
    _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let previous = TrafficTally.current
    use()
    defer { previous.use() }
    return try body()
  }

  private func use() {
    TrafficCounters.ofProcess.pointee.tally = self
    TrafficCounters.ofProcess.pointee.tallied = counts
  }
}
