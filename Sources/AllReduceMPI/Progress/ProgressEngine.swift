/// An operation that advances only when it is polled: a message, a running schedule.
package protocol InFlight: AnyObject {
  /// Advances the operation as far as possible now, without waiting. Returns whether the operation has ended.
  ///
  /// An error is kept, and is thrown by the wait for this operation, even if another wait advanced it.
  func advance() -> Bool
  /// The error that ended the operation, if one did.
  var failure: (any Error)? { get }
  /// A description for errors: "allReduce of 4096 float by ring".
  var summary: String { get }
  /// The world ranks that the operation still waits for.
  var awaitedRanks: [Int] { get }
  /// Whether polling advances the operation, as it does with messages; false if the operation only waits for other
  /// ranks to write to memory.
  var isMovedByLooking: Bool { get }
  /// The agreement of the operation's communicator, and the number of the call; nil for messages between two ranks.
  var call: (agreement: Agreement, number: UInt64)? { get }
}

extension InFlight {
  package var isMovedByLooking: Bool { true }
  package var call: (agreement: Agreement, number: UInt64)? { nil }
}

/// Makes progress on everything that this rank has in flight, whichever operation is being waited for.
///
/// If a rank advanced only the operation that it waits for, it could itself be the rank that another one waits for.
/// There is one engine per process, used by the one thread that calls MPI.
package final class ProgressEngine {
  private var inFlight: [any InFlight] = []
  /// Operations that no call waits for; they are removed when they end.
  private var unattended: [any InFlight] = []
  /// Whether no operation is in flight; in separate memory, because accesses to a class's properties are checked each
  /// time.
  private let isIdle: UnsafeMutablePointer<Bool>
  private let who: String
  let worldRank: Int
  /// Whether ranks outnumber processors. If so, a rank that only polled would keep the rank that it waits for from
  /// running, so it yields. (MPI yields by itself, but not every operation calls MPI.)
  package var givesWay = false
  /// How long to wait for an operation that was released without a wait, in nanoseconds.
  var patience = usualPatience
  static let usualPatience: UInt64 = 1_000_000_000

  /// The channel for messages about calls; nil before it is made, and in a job of one rank.
  var control: ControlChannel?
  private(set) lazy var detective = Detective(self)
  /// The call in which this rank waits; nil until a wait has become long.
  private(set) var blockedCall: BlockedCall?
  private var glances = 0
  private var serial: UInt64 = 0
  private var nextReport: UInt64 = 0
  /// The wait under way: when it began, when it was last polled, and for how long the process was stopped meanwhile.
  private var pause: (since: UInt64, looked: UInt64, nanoseconds: UInt64) = (0, 0, 0)
  private var longWait = LongWait()

  init(who: String, worldRank: Int) {
    self.who = who
    self.worldRank = worldRank
    isIdle = .allocate(capacity: 1)
    isIdle.initialize(to: true)
  }

  deinit { isIdle.deallocate() }

  private func noteIdleness() { isIdle.pointee = inFlight.isEmpty && unattended.isEmpty }

  /// Adds an operation that has been started and is not yet waited for.
  package func add(_ operation: any InFlight) {
    inFlight.append(operation)
    isIdle.pointee = false
  }

  /// Keeps an operation and advances it until it has ended; its outcome is ignored.
  package func abandon(_ operation: any InFlight) {
    remove(operation)
    unattended.append(operation)
    unattended.removeAll { $0.advance() }
    noteIdleness()
  }

  /// Advances every operation once.
  package func poll() {
    for operation in inFlight { _ = operation.advance() }
    if unattended.isEmpty { return }
    unattended.removeAll { $0.advance() }
    noteIdleness()
  }

  /// Same as ``glance()``, between pieces of a computation, when this rank is in no wait.
  func pollWhileComputing() {
    endWait()
    glance()
  }

  /// Advances everything once, and returns whether the operation has ended; if it has, the engine forgets it.
  package func test<Operation: InFlight>(_ operation: Operation) throws -> Bool {
    MPI.requireOwnThread()
    poll()
    guard operation.advance() else { return false }
    remove(operation)
    if let failure = operation.failure { throw failure }
    return true
  }

  /// Waits until the operation has ended, and advances everything else meanwhile.
  ///
  /// - Throws: The error of the operation.
  package func wait<Operation: InFlight>(for operation: Operation) throws {
    MPI.requireOwnThread()
    var polls = 0
    var since: UInt64 = 0
    while !operation.advance() {
      if !isIdle.pointee { poll() }
      polls &+= 1
      // The clock costs as much as a poll, so it is read every 256 polls. A rank that yields reads it each time it does
      // so, because other processes may keep the core for long.
      if polls & (givesWay ? 0xF : 0xFF) != 0 { continue }
      if givesWay { yieldCore() }
      since = waitLonger(for: operation, since: since)
    }
    if since != 0 { endWait() }
    if !isIdle.pointee { remove(operation) }
    if let failure = operation.failure { throw failure }
  }

  /// Waits until a failed generation of calls is cleaned up.
  func settle(_ closing: Closing) { try? wait(for: closing) }

  /// Waits for an operation for a limited time. Returns whether it has ended.
  func wait<Operation: InFlight>(for operation: Operation, atMost nanoseconds: UInt64) -> Bool {
    let end = monotonicNanoseconds() + nanoseconds
    while !operation.advance() {
      poll()
      control?.look()
      if monotonicNanoseconds() > end { return false }
      yieldCore()
    }
    remove(operation)
    return true
  }

  private func remove(_ operation: any InFlight) {
    if let index = inFlight.firstIndex(where: { $0 === operation }) {
      inFlight.swapAt(index, inFlight.count - 1)
      inFlight.removeLast()
    }
    noteIdleness()
  }

  /// Advances the calls of a communicator, so that they find that they have failed. Returns whether any of them does.
  func failCalls(of agreement: Agreement) -> Bool {
    var hasFailed = false
    for operation in inFlight where operation.call?.agreement === agreement {
      if operation.failure != nil { continue }
      _ = operation.advance()
      if operation.failure != nil { hasFailed = true }
    }
    return hasFailed
  }

  /// Waits for all calls of a communicator before a number. Their outcomes can still be asked for.
  func waitForCalls(of agreement: Agreement, before number: UInt64) {
    for operation in inFlight {
      guard let call = operation.call, call.agreement === agreement, call.number < number else {
        continue
      }
      try? wait(for: operation)
    }
  }

  /// Makes progress on everything once, and every 256th time also reads control messages of other ranks. For callers
  /// that test repeatedly whether something has ended.
  package func glance() {
    poll()
    glances &+= 1
    if glances & 0xFF == 0 { control?.look() }
  }

  /// Forgets an operation that has ended without being waited for.
  func forget(_ operation: any InFlight) { remove(operation) }

  /// Returns the world ranks that a call in flight waits for; nil if the call is not in flight.
  func awaitedRanks(of agreement: Agreement, number: UInt64) -> [Int]? {
    if let blockedCall, blockedCall.communicator == agreement.id, blockedCall.number == number {
      return blockedCall.awaited
    }
    let found = inFlight.first {
      $0.call?.agreement === agreement && $0.call?.number == number
    }
    return found?.awaitedRanks
  }

  // MARK: - Slow waits

  /// Does the extra work of a slow wait, and sleeps if the wait lasts long. Returns the time since which the wait has
  /// been slow.
  private func waitLonger(for operation: some InFlight, since: UInt64) -> UInt64 {
    let now = monotonicNanoseconds()
    let call = operation.call
    lookAround(
      call?.agreement, call?.number ?? 0, since: since, now: now,
      awaiting: operation.awaitedRanks, operation.summary)
    if since == 0 { return now }
    // Its flags belong to several ranks, so it cannot sleep on one of them.
    if !operation.isMovedByLooking && maySleep(since: since, now: now) {
      sleepThread(seconds: 20e-6)
    }
    return since
  }

  /// Does what a rank does in a slow wait in addition to advancing messages: reads what other ranks report of their
  /// calls, finds out what a long wait is for, and ends the job at the deadline.
  ///
  /// - Parameters:
  ///   - agreement: The agreement of the waiting call; nil for a message between two ranks.
  ///   - number: The call's number.
  ///   - since: When the wait began, by the monotonic clock; 0 at the first look.
  ///   - now: The present time, by the monotonic clock.
  ///   - ranks: The world ranks that are waited for.
  ///   - summary: A description of the waiting operation, for messages.
  func lookAround(
    _ agreement: Agreement?, _ number: UInt64, since: UInt64, now: UInt64,
    awaiting ranks: @autoclosure () -> [Int], _ summary: @autoclosure () -> String
  ) {
    MPI.requireOwnThread()
    if since == 0 {
      endWait()
      serial += 1
    }
    control?.look()
    if since == 0 { return }
    let waited = now &- since
    // Making lists of ranks costs more than a look.
    if waited > 10_000_000 && now > nextReport {
      nextReport = now + 5_000_000
      let entry = agreement.flatMap {
        CallRecord.ofProcess.find(communicator: $0.id, number: number)
      }
      let blocked = BlockedCall(
        communicator: agreement?.id ?? 0, number: number,
        call: entry?.call ?? Call(.message), awaited: ranks(), serial: serial)
      blockedCall = blocked
      let kind = entry.map { $0.call.kindName } ?? "a wait for messages"
      Watchdog.shared.noteWait(
        blocked, isCall: entry != nil, since: since, limit: longWait.limit(kind))
      longWait.look(
        kind, summary(), awaiting: detective.roots ?? blocked.awaited, answered: detective.waits,
        since: since, now: now)
      detective.look(at: blocked, waited: waited, now: now)
    }
    endJobIfOverdue(summary(), awaiting: ranks(), since: since, now: now)
  }

  /// The longest time between two polls of a waiting rank, in nanoseconds; after a longer time the process must have
  /// been stopped.
  private static let longestGap: UInt64 = 2_000_000_000

  private func endWait() {
    guard blockedCall != nil else { return }
    blockedCall = nil
    longWait.end()
    Watchdog.shared.noteEndOfWait()
    detective.forget()
  }

  /// The nanoseconds after which the rank that is waited for has most likely been descheduled.
  private static let impatience: UInt64 = 300_000

  /// Returns whether a wait has lasted so long that the rank should sleep, and no message is in flight that must be
  /// polled.
  ///
  /// Another process that shares the host's cores most likely runs now, and the waiting rank takes no core from it
  /// while it sleeps. (Beside two busy processes, two ranks on two cores trained 1.2 times as fast as with constant
  /// polling; yielding by `sched_yield` made them slower.)
  ///
  /// - Parameters:
  ///   - since: When the wait began, by the monotonic clock.
  ///   - now: The present time, by the monotonic clock.
  /// - Returns: Whether to sleep.
  package func maySleep(since: UInt64, now: UInt64) -> Bool {
    now - since > ProgressEngine.impatience && !isMoving
  }

  /// Whether a message is in flight that must be polled.
  var isMoving: Bool { inFlight.contains(where: \.isMovedByLooking) || !unattended.isEmpty }

  /// Ends the job, with the reason on standard error, if a wait has lasted longer than the deadline.
  private func endJobIfOverdue(
    _ operation: @autoclosure () -> String, awaiting ranks: @autoclosure () -> [Int],
    since: UInt64, now: UInt64
  ) {
    Watchdog.shared.noteLook(operation(), since: since, now: now)
    guard let deadline = Deadline.seconds else { return }
    // While the whole process was stopped, as when a job is suspended, it did not wait for other ranks.
    if pause.since != since { pause = (since, now, 0) }
    let gap = now - min(now, pause.looked)
    if gap > ProgressEngine.longestGap { pause.nanoseconds += gap }
    pause.looked = now
    let waited = Double(now - since - min(now - since, pause.nanoseconds)) / 1e9
    if waited <= deadline { return }
    // Names the ranks at the root of a chain of waits, not those in between.
    JobEnd.endAtDeadline(
      operation(), awaiting: detective.roots ?? ranks(), answered: detective.waits, since: since,
      waited: waited, mayCallMPI: true)
  }

  /// Ends the job for a reason that no waiting can remove.
  func endJob(_ reason: String) -> Never {
    JobEnd.end(words: "error: \(who): \(reason). The job ends here.\n", exitCode: 70, within: 2)
  }
}
