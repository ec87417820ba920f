internal import AllReduceMPI

/// What is exchanged at one place between layers, in one direction: its bytes are counted apart, its seconds with
/// those of all exchanges of the trainer.
///
/// Passes of evaluation are not counted.
package final class LayerExchange {
  /// Its name in reports, such as "all-gather backward".
  let name: String
  /// The bytes that this rank has moved by it.
  var traffic: Traffic { tally.traffic }

  private let tally = TrafficTally()
  private let clock: ExchangeClock

  init(_ kind: String, isBackward: Bool = false, _ clock: ExchangeClock) {
    name = isBackward ? "\(kind) backward" : kind
    self.clock = clock
  }

  /// Starts an exchange, which ``ending(_:_:)`` ends.
  func starting(
    isTraining: Bool, _ exchange: () throws -> PendingReduction
  ) throws -> PendingReduction {
    guard isTraining else { return try exchange() }
    let pending = try tally.counting(exchange)
    clock.start()
    return pending
  }

  /// Waits for an exchange that was started.
  func ending(isTraining: Bool, _ wait: () throws -> Void) rethrows {
    guard isTraining else { return try wait() }
    try clock.waiting {
      try wait()
      clock.end()
    }
  }

  /// Runs an exchange from its start to its end.
  func running(isTraining: Bool, _ exchange: () throws -> Void) throws {
    guard isTraining else { return try exchange() }
    try clock.waiting { try tally.counting(exchange) }
  }
}
