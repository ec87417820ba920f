/// Where the time of gradients' exchange went, on one rank, in seconds.
public struct ExchangeTimes: Sendable, Equatable {
  /// From the start of each first bucket to the end of its last.
  public internal(set) var exchangeSeconds = 0.0
  /// That part of it in which the rank did nothing but wait and reduce.
  public internal(set) var waitSeconds = 0.0
  /// Spent on exchange between pieces of the backward pass.
  public internal(set) var busySeconds = 0.0

  /// That part of the exchange behind which the network computed.
  public var hiddenSeconds: Double { max(0, exchangeSeconds - waitSeconds - busySeconds) }
}
