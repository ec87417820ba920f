internal import AllReduceMPI

/// Counts the bytes and seconds of the exchanges at one boundary between layers, in one direction. Bytes are counted
/// for this boundary alone, seconds together with those of all exchanges of the trainer.
///
/// Exchanges in evaluation passes are not counted.
package final class ExchangeRecord {
  /// The name of the exchange in reports, such as "all-gather backward".
  let name: String
  /// The bytes of these exchanges on this rank so far.
  var traffic: Traffic { tally.traffic }

  private let tally = TrafficTally()
  private let clock: ExchangeClock

  init(_ kind: String, isBackward: Bool = false, _ clock: ExchangeClock) {
    name = isBackward ? "\(kind) backward" : kind
    self.clock = clock
  }

  /// Starts an exchange, which ``ending(isTraining:_:)`` completes.
  func starting(
    isTraining: Bool, _ exchange: () throws -> PendingReduction
  ) throws -> PendingReduction {
    guard isTraining else { return try exchange() }
    let pending = try tally.counting(exchange)
    clock.start()
    return pending
  }

  /// Waits for an exchange that ``starting(isTraining:_:)`` started.
  func ending(isTraining: Bool, _ wait: () throws -> Void) rethrows {
    guard isTraining else { return try wait() }
    try clock.waiting {
      try wait()
      clock.end()
    }
  }

  /// Runs a blocking exchange; in training, also counts its bytes and the seconds of waiting.
  func running(isTraining: Bool, _ exchange: () throws -> Void) throws {
    guard isTraining else { return try exchange() }
    try clock.waiting { try tally.counting(exchange) }
  }
}
