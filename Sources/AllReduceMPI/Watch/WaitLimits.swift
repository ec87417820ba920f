/// The durations above which waits count as long, learned from this process's earlier waits, by the kind of operation
/// that waits.
///
/// A limit is the median of the latest waits of a kind plus eight times their median deviation from it, and 2 seconds
/// at least. Waits below 10 milliseconds are left out: they would hide that some waits, such as for an evaluation,
/// rightly take long. Until five waits are known, the limit is 2 seconds too, or 10 in a process that has hardly begun,
/// when memory is first touched and files are read.
package struct WaitLimits {
  /// The smallest limit, and the limit in a process that has hardly begun, in nanoseconds.
  private static let (least, early): (UInt64, UInt64) = (2_000_000_000, 10_000_000_000)
  /// The shortest wait that is learned from, in nanoseconds.
  private static let shortest: UInt64 = 10_000_000
  /// The number of waits of each kind that are kept.
  private static let most = 64

  private var waits: [String: [UInt64]] = [:]
  private var next = 0

  /// Creates limits that have learned from no waits.
  package init() {}

  /// Learns the duration of a wait that has ended.
  package mutating func add(_ kind: String, nanoseconds: UInt64) {
    guard nanoseconds >= WaitLimits.shortest else { return }
    // In place: a copy would allocate memory in every long wait.
    if waits[kind]?.count ?? 0 < WaitLimits.most {
      waits[kind, default: []].append(nanoseconds)
    } else {
      waits[kind]?[next % WaitLimits.most] = nanoseconds
      next += 1
    }
  }

  /// Returns the duration above which waits of a kind count as long.
  ///
  /// - Parameters:
  ///   - kind: The kind of the waiting operation.
  ///   - hasBegun: Whether the process has made many calls.
  /// - Returns: The limit in nanoseconds.
  package func limit(_ kind: String, hasBegun: Bool) -> UInt64 {
    guard let known = waits[kind], known.count >= 5 else {
      return hasBegun ? WaitLimits.least : WaitLimits.early
    }
    let median = WaitLimits.median(known)
    let deviation = WaitLimits.median(known.map { $0 > median ? $0 - median : median - $0 })
    return max(WaitLimits.least, median &+ 8 &* deviation)
  }

  private static func median(_ numbers: [UInt64]) -> UInt64 { numbers.sorted()[numbers.count / 2] }
}

/// Warns, once per wait, that a wait takes longer than such waits usually do, and learns from waits that have ended.
///
/// Used by one thread.
struct LongWait {
  private var limits = WaitLimits()
  /// The last wait: when it began, and when it was last looked at.
  private var (since, seen): (UInt64, UInt64) = (0, 0)
  private var kind = ""
  private var isSaid = false

  /// Returns the nanoseconds after which a wait of a kind counts as long.
  func limit(_ kind: String) -> UInt64 {
    limits.limit(kind, hasBegun: OwnRecord.ofProcess[.calls] >= 64)
  }

  /// Notes that a wait continues, and prints a warning once the wait counts as long.
  ///
  /// - Parameters:
  ///   - kind: The kind of the waiting operation, without its numbers.
  ///   - operation: The waiting operation.
  ///   - awaited: The world ranks that the operation waits for; nil for all others.
  ///   - answered: What other ranks have answered about their waits.
  ///   - since: When the wait began, by the monotonic clock.
  ///   - now: The present time, by the monotonic clock.
  mutating func look(
    _ kind: @autoclosure () -> String, _ operation: @autoclosure () -> String,
    awaiting awaited: @autoclosure () -> [Int]?, answered: @autoclosure () -> [AnsweredWait],
    since: UInt64, now: UInt64
  ) {
    if since != self.since {
      end()
      (self.since, isSaid) = (since, false)
      self.kind = kind()
    }
    seen = now
    // Most waits end before any limit.
    guard !isSaid, now &- since > 2_000_000_000, now &- since > limit(self.kind) else { return }
    isSaid = true
    let (operation, awaited, waited) = (operation(), awaited(), Double(now - since) / 1e9)
    let answered = answered()
    // On a separate thread: where the system is in trouble, a look at another process can hang.
    startDetachedThread { LongWait.warn(operation, awaited, answered, since, waited) }
  }

  private static func warn(
    _ operation: String, _ awaited: [Int]?, _ answered: [AnsweredWait], _ since: UInt64,
    _ waited: Double
  ) {
    let watchdog = Watchdog.shared
    let culprits = watchdog.findCulprits(
      operation, awaiting: awaited, answered: answered, since: since)
    guard culprits.speaks, watchdog.stage < .ending else { return }
    let end = Deadline.seconds.map { "at \($0) s the job ends" } ?? "there is no deadline"
    writeToStandardError(
      "warning: \(watchdog.who): \(operation) has waited \(Int(waited)) s for \(culprits.words), longer than "
        + "such waits take; \(culprits.cycle.map { "\($0); " } ?? "")\(end).\n")
  }

  /// Ends the wait, and learns its duration up to the latest look.
  mutating func end() {
    if since != 0, seen > since { limits.add(kind, nanoseconds: seen - since) }
    (since, isSaid) = (0, false)
  }
}
