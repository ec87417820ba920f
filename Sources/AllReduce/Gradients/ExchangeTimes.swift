/// How long this rank spent on exchanges of gradients or of new weights, in seconds.
///
/// A bucket is under way from the start of its exchange until this rank has noticed the end of the exchange. The rank
/// notices ends in the order of the starts. It checks between pieces of the forward and backward passes, and while it
/// waits.
public struct ExchangeTimes: Sendable, Equatable {
  /// Seconds during which at least one bucket was under way.
  public internal(set) var exchangeSeconds = 0.0
  /// Seconds of ``exchangeSeconds`` in which the rank did nothing but wait and reduce.
  public internal(set) var waitSeconds = 0.0
  /// Seconds of work for exchanges between pieces of the passes.
  package internal(set) var busySeconds = 0.0
  /// Seconds of ``busySeconds`` in which a bucket was under way.
  var busyUnderWaySeconds = 0.0

  /// Seconds of ``exchangeSeconds`` that overlapped with the network's computation.
  public var hiddenSeconds: Double {
    max(0, exchangeSeconds - waitSeconds - busyUnderWaySeconds)
  }

  /// Seconds that the rank itself spent on exchanges.
  var ownSeconds: Double { waitSeconds + busySeconds }

}

/// Counts the seconds of exchanges as they pass.
///
/// All exchanges of a trainer may have one: what is under way at once is counted once.
package final class ExchangeClock {
  /// Where the time went so far.
  private(set) var times = ExchangeTimes()
  /// How many exchanges are under way.
  private var underWay = 0
  /// When the first of the exchanges under way started; nil while there are none.
  private var since: ContinuousClock.Instant?
  private let clock = ContinuousClock()

  package init() {}

  /// An exchange starts.
  func start() {
    if since == nil { since = clock.now }
    underWay += 1
  }

  /// One has ended; ``working(_:)`` and ``waiting(_:)`` look at the clock when they are done.
  func end() { underWay -= 1 }

  /// Some were released.
  func letGo(_ count: Int) {
    underWay -= count
    if underWay == 0 { since = nil }
  }

  /// Does something for exchanges, between pieces of the passes.
  func working(_ body: () throws -> Void) rethrows {
    let from = clock.now
    try body()
    let now = clock.now
    let seconds = (now - from) / .seconds(1)
    times.busySeconds += seconds
    if since != nil { times.busyUnderWaySeconds += seconds }
    noteEnd(at: now)
  }

  /// Does something for exchanges that is waiting, and reducing meanwhile.
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
