import AllReduce

/// Makes all ranks start a call at the same time.
///
/// Where all ranks read the same clock and each has a core, they agree on an instant in the near future and wait for
/// it, because ranks leave a barrier up to microseconds apart, which is longer than a small all-reduce takes. Otherwise
/// they use a barrier: without a common clock there is no common instant, and with more ranks than cores not all of
/// them can be running at the same instant.
final class StartLine {
  private let world: Communicator
  /// How many nanoseconds in the future the agreed instant lies; nil if a barrier is used.
  private var slack: Int64?
  private let instant = UnsafeMutableBufferPointer<Int64>.allocate(capacity: 1)

  /// Measures how far in the future the instant has to lie. Collective.
  init(_ setting: Setting, _ world: Communicator) throws {
    self.world = world
    guard setting.sharesClock, !setting.isOversubscribed, world.size > 1 else { return }
    slack = 0
    slack = try suitableSlack()
  }

  deinit { instant.deallocate() }

  /// Whether the ranks agree on an instant; otherwise they use a barrier.
  var isAgreed: Bool { slack != nil }

  /// Waits until all ranks may start. Collective.
  ///
  /// - Returns: The instant from which the call's time counts, and the number of nanoseconds by which this rank missed
  ///   it.
  func wait() throws -> (instant: UInt64, late: UInt64) {
    guard let slack else {
      try world.barrier()
      return (monotonicNanoseconds(), 0)
    }
    // The latest instant that any rank proposes is used, so no rank can know it before all ranks have called this
    // function.
    instant[0] = Int64(monotonicNanoseconds()) + slack
    try world.allReduceBare(instant, .maximum)
    let start = UInt64(instant[0])
    var now = monotonicNanoseconds()
    while now < start { now = monotonicNanoseconds() }
    return (start, now - start)
  }

  /// Returns a slack, in nanoseconds, with which nearly every agreed instant reaches all ranks in time. It is no longer
  /// than necessary, so that the core's caches stay as the caller left them. Collective.
  private func suitableSlack() throws -> Int64 {
    var delays: [Double] = []
    for _ in 0..<300 { delays.append(Double(try wait().late)) }
    try world.allReduce(&delays, .maximum, using: .native)
    return Int64(min(max(2 * delays.suffix(200).quantile(0.95), 2_000), 200_000))
  }
}
