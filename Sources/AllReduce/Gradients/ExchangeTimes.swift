/// How long this rank spent on exchanges of gradients or of new weights, in seconds.
///
/// A bucket is under way from the start of its exchange until this rank has noticed that the exchange has ended. The
/// rank notices this in the order in which exchanges started. It checks between pieces of the forward and backward
/// passes, and while it waits.
public struct ExchangeTimes: Sendable, Equatable {
  /// Seconds during which at least one bucket was under way.
  public internal(set) var exchangeSeconds = 0.0
  /// Seconds of ``exchangeSeconds`` in which the rank did nothing but wait and reduce.
  public internal(set) var waitSeconds = 0.0
  /// Seconds that the rank worked on exchanges between pieces of the forward and backward passes.
  package internal(set) var busySeconds = 0.0
  /// Seconds of ``busySeconds`` in which at least one bucket was under way.
  var busyUnderWaySeconds = 0.0

  /// Seconds of ``exchangeSeconds`` that overlapped with the network's computation.
  public var hiddenSeconds: Double {
    max(0, exchangeSeconds - waitSeconds - busyUnderWaySeconds)
  }

  /// Seconds that the rank itself spent on exchanges, waiting or working.
  var ownSeconds: Double { waitSeconds + busySeconds }

}

/// Measures how long exchanges are under way, and how long the rank works on them or waits for them.
///
/// All exchanges of a trainer may use one clock: time in which several are under way is counted once.
package final class ExchangeClock {
  /// The times measured so far.
  private(set) var times = ExchangeTimes()
  /// The number of exchanges under way.
  private var underWay = 0
  /// When the first of the exchanges under way started; nil while there are none.
  private var since: ContinuousClock.Instant?
  private let clock = ContinuousClock()

  package init() {}

  /// Notes that an exchange starts.
  func start() {
    if since == nil { since = clock.now }
    underWay += 1
  }

  /// Notes that an exchange has ended. The ``working(_:)`` or ``waiting(_:)`` around it reads the clock when it is
  /// done.
  func end() { underWay -= 1 }

  /// Notes that `count` exchanges under way were released, without an end.
  func letGo(_ count: Int) {
    underWay -= count
    if underWay == 0 { since = nil }
  }

  /// Runs `body`, which works on exchanges between pieces of the passes, and counts its time as busy.
  func working(_ body: () throws -> Void) rethrows {
    let from = clock.now
    try body()
    let now = clock.now
    let seconds = (now - from) / .seconds(1)
    times.busySeconds += seconds
    if since != nil { times.busyUnderWaySeconds += seconds }
    noteEnd(at: now)
  }

  /// Runs `body`, which waits for exchanges and reduces meanwhile, and counts its time as waiting.
  func waiting(_ body: () throws -> Void) rethrows {
    let from = clock.now
    if since == nil { since = from }
    try body()
    let now = clock.now
    times.waitSeconds += (now - from) / .seconds(1)
    noteEnd(at: now)
  }

  private func noteEnd(at now: ContinuousClock.Instant) {
    guard underWay == 0, let since else { return }
    times.exchangeSeconds += (now - since) / .seconds(1)
    self.since = nil
  }
}
