internal import Synchronization

/// How long a rank waits for others before it says so and ends the job.
///
/// Set by `ALLREDUCE_DEADLINE`, in seconds; 300 if unset, none if 0.
package enum Deadline {
  /// Seconds, or nil for none.
  package static let seconds: Double? = {
    guard let text = environmentVariable("ALLREDUCE_DEADLINE") else { return 300 }
    guard let value = Double(text), value >= 0, value.isFinite else {
      writeToStandardError(
        "warning: ALLREDUCE_DEADLINE=\(text) is not a number of seconds; 300 is used.\n")
      return 300
    }
    return value == 0 ? nil : value
  }()

  /// The sentence a rank ends the job with: which operation waits, for whom, since when.
  static func message(
    _ operation: String, awaiting: String, waited: Double, who: String
  ) -> String {
    let limit = seconds ?? 0
    return
      "error: \(who): \(operation) has waited \(Int(waited)) s for \(awaiting), longer than the "
      + "deadline of \(limit.formatted) s. Look at what those ranks do (another call, a crash, a "
      + "stopped process); if they are only slow, set ALLREDUCE_DEADLINE to more seconds, or to 0 "
      + "to wait for ever. The job ends here.\n"
  }
}

extension Double {
  fileprivate var formatted: String {
    self == rounded() && abs(self) < 1e15 ? String(Int(self)) : String(self)
  }
}

/// Words for a set of ranks: "rank 3", "ranks 0, 2 and 5".
package func describeRanks(_ ranks: [Int]) -> String {
  let shown = ranks.prefix(16).map(String.init)
  guard let last = shown.last else { return "no rank" }
  if shown.count == 1 { return "rank \(last)" }
  let more = ranks.count > shown.count ? " and \(ranks.count - shown.count) more" : ""
  return more.isEmpty
    ? "ranks \(shown.dropLast().joined(separator: ", ")) and \(last)"
    : "ranks \(shown.joined(separator: ", "))\(more)"
}

/// Looks after calls that block inside MPI, where the rank itself cannot look at a clock.
///
/// A thread of its own that never calls MPI. It notices that one call has lasted longer than the
/// deadline, says which, and ends the process; mpirun then ends the job. A guarded call costs two
/// atomic additions and no clock.
package final class Watchdog: Sendable {
  /// Odd while a guarded call is under way; it grows by one at each end of one.
  private let edge = Atomic<UInt64>(0)
  /// The name of the call under way: the address and length of a static string.
  private let name = Atomic<UInt>(0)
  private let who: String
  private let others: String

  init(who: String, others: String) {
    self.who = who
    self.others = others
  }

  func start(deadline: Double) {
    startDetachedThread { [self] in
      let period = max(0.01, min(1, deadline / 10))
      var seen: UInt64 = 0
      var since = monotonicNanoseconds()
      while true {
        sleepThread(seconds: period)
        let now = edge.load(ordering: .acquiring)
        if now != seen || now % 2 == 0 {
          seen = now
          since = monotonicNanoseconds()
          continue
        }
        let waited = Double(monotonicNanoseconds() - since) / 1e9
        if waited > deadline { end(waited) }
      }
    }
  }

  private func end(_ waited: Double) -> Never {
    let address = UnsafePointer<CChar>(bitPattern: name.load(ordering: .relaxed))
    let operation = address.map { String(cString: $0) } ?? "a call of MPI"
    writeToStandardError(
      Deadline.message(operation, awaiting: others, waited: waited, who: who))
    endProcess(70)
  }

  /// Runs a call that may block inside MPI.
  @inline(__always)
  func guarding<Result>(_ operation: StaticString, _ call: () -> Result) -> Result {
    name.store(UInt(bitPattern: operation.utf8Start), ordering: .relaxed)
    edge.wrappingAdd(1, ordering: .releasing)
    defer { edge.wrappingAdd(1, ordering: .releasing) }
    return call()
  }
}
