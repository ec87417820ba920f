import AllReduce

/// Lets the root work alone for long while the other ranks wait.
///
/// The library ends a job in which a rank waits beyond a deadline, for most often the other is
/// stuck. The root tells twice a second that it is not.
struct SignsOfLife {
  private let world: Communicator
  private let clock = ContinuousClock()
  private var last: ContinuousClock.Instant

  init(over world: Communicator) {
    self.world = world
    last = clock.now
  }

  /// On the root, now and then: signals to the others to continue waiting, if it is time to.
  mutating func give() throws {
    guard clock.now - last > .milliseconds(500) else { return }
    last = clock.now
    try tell(1)
  }

  /// On the root, at last: lets the others go.
  func end() throws {
    try tell(0)
  }

  /// On the other ranks: waits until the root lets them go.
  func waitForRoot() throws {
    var sign: [Int32] = [1]
    while sign[0] != 0 { try world.broadcast(&sign, from: 0) }
  }

  private func tell(_ value: Int32) throws {
    var sign = [value]
    try world.broadcast(&sign, from: 0)
  }
}
