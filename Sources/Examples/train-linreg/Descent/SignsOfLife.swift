import AllReduce

/// Keeps the other ranks waiting while the root works alone for a long time.
///
/// The library ends a job in which a rank waits longer than a deadline, because then the awaited rank is usually stuck.
/// So the root tells the waiting ranks, twice a second, that it is not.
struct SignsOfLife {
  private let world: Communicator
  private let clock = ContinuousClock()
  private var last: ContinuousClock.Instant

  init(over world: Communicator) {
    self.world = world
    last = clock.now
  }

  /// On the root: tells the other ranks to keep waiting, if half a second has passed since the last time. Call it now
  /// and then.
  mutating func give() throws {
    guard clock.now - last > .milliseconds(500) else { return }
    last = clock.now
    try tell(1)
  }

  /// On the root, when its work is done: ends the other ranks' wait.
  func end() throws {
    try tell(0)
  }

  /// On the other ranks: waits until the root calls `end`.
  func waitForRoot() throws {
    var sign: [Int32] = [1]
    while sign[0] != 0 { try world.broadcast(&sign, from: 0) }
  }

  private func tell(_ value: Int32) throws {
    var sign = [value]
    try world.broadcast(&sign, from: 0)
  }
}
