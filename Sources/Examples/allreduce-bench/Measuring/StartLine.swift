import AllReduce

/// Lets all ranks begin a call together.
///
/// Where all ranks read one clock and have a core each, they agree on an instant shortly ahead and
/// wait for it: ranks leave a barrier up to microseconds apart, which is more than a small
/// all-reduce takes. Elsewhere a barrier has to do: without a common clock there is no common
/// instant, and with more ranks than cores they cannot all be running at one.
final class StartLine {
  private let world: Communicator
  /// How far ahead the agreed instant lies; nil if a barrier is used.
  private var slack: Int64?
  private let instant = UnsafeMutableBufferPointer<Int64>.allocate(capacity: 1)

  /// Collective.
  init(_ setting: Setting, _ world: Communicator) throws {
    self.world = world
    guard setting.sharesClock, !setting.isOversubscribed, world.size > 1 else { return }
    slack = 0
    slack = try suitableSlack()
  }

  deinit { instant.deallocate() }

  /// Whether an instant is agreed on.
  var isAgreed: Bool { slack != nil }

  /// Waits until all ranks may begin. Collective.
  ///
  /// - Returns: The instant from which the call's time counts, and by how many nanoseconds this rank
  ///   missed it.
  func wait() throws -> (instant: UInt64, late: UInt64) {
    guard let slack else {
      try world.barrier()
      return (monotonicNanoseconds(), 0)
    }
    // The latest rank's instant holds: no rank can know it before all have come here.
    instant[0] = Int64(monotonicNanoseconds()) + slack
    try world.allReduceBare(instant, .maximum)
    let start = UInt64(instant[0])
    var now = monotonicNanoseconds()
    while now < start { now = monotonicNanoseconds() }
    return (start, now - start)
  }

  /// Long enough for nearly every agreement to reach all ranks in time, and not longer: the core's
  /// caches should be as the caller left them.
  private func suitableSlack() throws -> Int64 {
    var delays: [Double] = []
    for _ in 0..<300 { delays.append(Double(try wait().late)) }
    try world.allReduce(&delays, .maximum, using: .native)
    return Int64(min(max(2 * delays.suffix(200).quantile(0.95), 2_000), 200_000))
  }
}
