/// Where the time of exchanges went, of gradients or of new weights, on one rank, in seconds.
///
/// A bucket is under way from when its exchange starts until this rank knows that it has ended: buckets
/// end for it in the order in which they started, and it looks whenever a part of the gradient is ready.
public struct ExchangeTimes: Sendable, Equatable {
  /// While any bucket was under way.
  public internal(set) var exchangeSeconds = 0.0
  /// That part of it in which the rank did nothing but wait and reduce.
  public internal(set) var waitSeconds = 0.0
  /// Spent on exchange between pieces of the passes.
  public internal(set) var busySeconds = 0.0
  /// That part of it while a bucket was under way.
  var busyUnderWaySeconds = 0.0

  /// That part of the exchange behind which the network computed.
  public var hiddenSeconds: Double {
    max(0, exchangeSeconds - waitSeconds - busyUnderWaySeconds)
  }

  /// What the rank itself spent on the exchange.
  var ownSeconds: Double { waitSeconds + busySeconds }

  static func + (left: ExchangeTimes, right: ExchangeTimes) -> ExchangeTimes {
    var sum = left
    sum.exchangeSeconds += right.exchangeSeconds
    sum.waitSeconds += right.waitSeconds
    sum.busySeconds += right.busySeconds
    sum.busyUnderWaySeconds += right.busyUnderWaySeconds
    return sum
  }
}
