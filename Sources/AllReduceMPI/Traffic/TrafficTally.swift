/// The bytes that some operations move, even if they move them late, counted apart from all others.
///
/// An operation that is started keeps the tally that was in use, and counts there whenever it advances,
/// also while the rank waits for something else.
package final class TrafficTally {
  let counts: UnsafeMutablePointer<Traffic>

  /// Begins with nothing.
  package init() {
    counts = .allocate(capacity: 1)
    counts.initialize(to: Traffic())
  }

  deinit { counts.deallocate() }

  /// The bytes that the operations have moved so far.
  package var traffic: Traffic { counts.pointee }

  /// The tally in use.
  package static var current: TrafficTally { TrafficCounters.ofProcess.pointee.tally }

  /// Counts here what `body` moves, and what the operations that it starts will move.
  ///
  /// A tally that is used within `body` counts its part instead of this one.
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
