internal import CKernels
internal import Synchronization

/// Watches calls that block inside MPI, where the rank itself cannot read a clock.
///
/// It is a thread that never calls MPI and runs from before `MPI_Init_thread` to after `MPI_Finalize`. It notices when
/// a call has lasted longer than the deadline, reports which call it is and which ranks it waits for, and ends the
/// process; the launcher then ends the job. A guarded call costs three stores, and reads no clock.
package final class Watchdog: @unchecked Sendable {
  /// The one watchdog of the process.
  static let shared = Watchdog()

  /// Odd while a guarded call is under way; it grows by one at the beginning and at the end of each guarded call.
  private let edge = Atomic<UInt64>(0)
  /// The name of the guarded call under way, as the address of a static string.
  private let name = Atomic<UInt>(0)
  /// The world rank that the guarded call under way sends to; -1 for none.
  private let receiver = Atomic<Int>(-1)
  /// This rank's record, which the other ranks of its host read.
  private let record = OwnRecord.ofProcess
  /// Odd while a thread watches; it grows by one whenever a thread starts or is told to end.
  private let watches = Atomic<UInt64>(0)
  private let known: Locked<Known>

  private struct Known {
    var who: String
    var peers: Peers?
    /// The world ranks that the guarded call under way waits for; nil for all others.
    var group: [Int]?
    /// The wait that was examined at half the deadline, given by its beginning, and the ranks of this host at that
    /// time.
    var halfway: (since: UInt64, ranks: [HostRank]) = (0, [])
  }

  /// Half the deadline in nanoseconds.
  private let half = Deadline.seconds.map { UInt64(min($0, 1e9) / 2 * 1e9) } ?? .max

  private init() {
    let rank = Launch.current?.rank ?? 0
    known = Locked(Known(who: "rank \(rank) on \(hostName())", peers: nil))
  }

  /// This rank and its host, such as "rank 2 on node1".
  var who: String { known.withLock { $0.who } }

  /// Where the ranks run; nil before MPI has started.
  var peers: Peers? { known.withLock { $0.peers } }

  /// How far this rank has come.
  var stage: Stage {
    get { Stage(rawValue: record[.stage]) ?? .starting }
    set { record[.stage] = newValue.rawValue }
  }

  /// Sets this rank's description and where the ranks run, once MPI has started.
  func know(_ peers: Peers, who: String) {
    known.withLock { $0 = Known(who: who, peers: peers) }
    record.write(peers)
  }

  /// Starts the watch thread, if there are other ranks to wait for and the thread does not run yet. Without a deadline
  /// it only shows this rank's calls to other processes, and warns of long waits.
  ///
  /// - Parameter size: The number of ranks, if it is known.
  func start(size: Int?) {
    if size == 1 { return }
    let watch = watches.load(ordering: .acquiring)
    if watch % 2 == 1 { return }
    watches.store(watch + 1, ordering: .releasing)
    startDetachedThread { [self] in
      blockSignalsInThread()
      self.watch(watch + 1)
    }
  }

  /// Ends the watch thread, within a second.
  func stop() {
    let watch = watches.load(ordering: .acquiring)
    if watch % 2 == 1 { watches.store(watch + 1, ordering: .releasing) }
  }

  private func watch(_ own: UInt64) {
    let deadline = Deadline.seconds ?? .infinity
    let period = max(0.01, min(Watchdog.longestPeriod, deadline / 10))
    var seen: UInt64 = 0
    var since = monotonicNanoseconds()
    var last = since
    var calls: UInt64 = 0
    var reports = ck_reports_asked()
    var longWait = LongWait()
    while watches.load(ordering: .acquiring) == own {
      let edge = edge.load(ordering: .acquiring)
      let now = monotonicNanoseconds()
      record[.watched] = now
      if record[.calls] != calls {
        calls = record[.calls]
        (record[.calledAt], record[.callsSeen]) = (now, calls)
      }
      let wasStopped = now - last > UInt64((period + 2) * 1e9)
      let asked = ck_reports_asked()
      if asked != reports {
        (reports, record[.reportAsked]) = (asked, now)
        // A rank that was stopped sees the signal long after the others, of which one has printed the report.
        if !wasStopped { startDetachedThread { SignalReport.print(askedAt: now) } }
      }
      // While the whole process was stopped, the call did not wait for other ranks.
      if wasStopped { since += now - last }
      last = now
      if edge != seen || edge % 2 == 0 {
        seen = edge
        since = now
        record[.callSince] = 0
        longWait.end()
      } else {
        if record[.callSince] != since {
          record.write(operation, to: .call)
          (record[.callLimit], record[.callSince]) = (longWait.limit(operation), since)
        }
        lookHalfway(since: since, now: now)
        longWait.look(
          operation, operation, awaiting: awaited, answered: [], since: since, now: now)
        let waited = Double(now - since) / 1e9
        if waited > deadline {
          JobEnd.endAtDeadline(
            operation, awaiting: awaited, answered: [], since: since, waited: waited,
            mayCallMPI: false)
        }
      }
      // While a job starts or ends, the status can show what a rank waits in only if it is noted soon.
      sleepThread(seconds: stage == .running ? period : min(period, 0.1))
    }
  }

  /// The longest time between two looks of the watch thread, in seconds.
  static let longestPeriod = 1.0

  private var operation: String {
    let address = UnsafePointer<CChar>(bitPattern: name.load(ordering: .relaxed))
    return address.map { String(cString: $0) } ?? "a call of MPI"
  }

  /// The world ranks that the guarded call under way waits for; nil for all others.
  private var awaited: [Int]? {
    let rank = receiver.load(ordering: .relaxed)
    return rank < 0 ? known.withLock { $0.group } : [rank]
  }

  /// Runs a call that may block inside MPI, while the watchdog watches. A guarded call inside another one counts as
  /// part of the outer call.
  @discardableResult @inline(__always)
  func guarding<Result, Failure: Error>(
    _ operation: StaticString, _ call: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    MPI.requireOwnThread()
    // Only this thread writes `edge`, so a load and a store are enough to add to it.
    let before = edge.load(ordering: .relaxed)
    if before % 2 == 1 { return try call() }
    name.store(UInt(bitPattern: operation.utf8Start), ordering: .relaxed)
    edge.store(before &+ 1, ordering: .releasing)
    defer { edge.store(before &+ 2, ordering: .releasing) }
    return try call()
  }

  /// Same as ``guarding(_:_:)``, for a send, which blocks over some networks until its receiver accepts the connection.
  ///
  /// - Parameters:
  ///   - operation: The name of the MPI function.
  ///   - rank: The receiver's world rank, for reports.
  ///   - call: The send.
  /// - Returns: The result of `call`.
  @discardableResult @inline(__always)
  func guarding<Result>(_ operation: StaticString, to rank: Int, _ call: () -> Result) -> Result {
    receiver.store(rank, ordering: .relaxed)
    defer { receiver.store(-1, ordering: .relaxed) }
    return guarding(operation, call)
  }

  /// Same as ``guarding(_:_:)``, for a call that is not performance-critical: a report looks only among these world
  /// ranks.
  @discardableResult
  func guarding<Result, Failure: Error>(
    _ operation: StaticString, among ranks: [Int], _ call: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let outer = known.withLock { known in
      defer { known.group = ranks }
      return known.group
    }
    defer { known.withLock { $0.group = outer } }
    return try guarding(operation, call)
  }

  /// Notes in this rank's record which call a long wait is in, and which ranks it waits for.
  func noteWait(_ blocked: BlockedCall, isCall: Bool, since: UInt64, limit: UInt64) {
    record[.waitCommunicator] = isCall ? blocked.communicator : 0
    record[.waitNumber] = isCall ? blocked.number : 0
    record.write(awaited: blocked.awaited)
    (record[.limit], record[.waitSince]) = (limit, since)
  }

  /// Notes in this rank's record that the wait has ended.
  func noteEndOfWait() { record[.waitSince] = 0 }

  /// Notes in this rank's record, for the other ranks of its host, that it waits outside MPI and has polled now.
  ///
  /// - Parameters:
  ///   - operation: The waiting operation; evaluated once, when the wait has become long.
  ///   - since: When the wait began, by the monotonic clock.
  ///   - now: The present time, by the monotonic clock.
  func noteLook(_ operation: @autoclosure () -> String, since: UInt64, now: UInt64) {
    let before = record[.looked]
    record[.looked] = now
    // Once, when the wait passes a tenth of a second; a wait that is polled seldom may do so one poll late.
    let long: UInt64 = 100_000_000
    if now - since > long && (before < since || before - since <= long) {
      record.write(operation(), to: .wait)
    }
    lookHalfway(since: since, now: now)
  }

  /// Records, at half the deadline, which ranks are stopped and which wait. When a rank ends the job at its deadline,
  /// the launcher lets stopped ranks run before it ends them. A rank whose deadline is a moment later would then see
  /// neither which ranks were stopped, nor that the rank that ended the job had waited too.
  private func lookHalfway(since: UInt64, now: UInt64) {
    if now - since < half { return }
    let isNew = known.withLock { known in
      defer { if known.halfway.since != since { known.halfway = (since, []) } }
      return known.halfway.since != since
    }
    if !isNew { return }
    // On a thread of its own: where the system is in trouble, a look at another process can hang.
    startDetachedThread { [self] in
      let ranks = Array(ranksHere().values)
      known.withLock { if $0.halfway.since == since { $0.halfway.ranks = ranks } }
    }
  }

  /// Returns the ranks of this host whose processes can be seen; this rank itself may be left out.
  func ranksHere() -> [Int: HostRank] {
    guard let peers else { return Launch.current.map { HostRank.all(of: $0) } ?? [:] }
    let others = (0..<peers.hosts.count).filter { $0 != peers.me }
    return Dictionary(
      uniqueKeysWithValues: others.compactMap { rank in peers.look(at: rank).map { (rank, $0) } })
  }

  /// Returns the ranks of this host, and which of them have polled between two looks. It looks until all that may poll
  /// have done so, for half a second at most: they poll every millisecond, if they have a core.
  private func ranksPolling() -> (here: [Int: HostRank], polling: Set<Int>) {
    let before = ranksHere()
    var here = before
    var polling: Set<Int> = []
    let mayPoll = before.filter { rank, process in
      guard let record = process.record, rank != peers?.me, !process.isStopped else { return false }
      return record[.stage] == Stage.running.rawValue && record[.callSince] == 0
    }
    for _ in 0..<10 where !mayPoll.keys.allSatisfy(polling.contains) {
      sleepThread(seconds: 0.05)
      here = ranksHere()
      for (rank, process) in here {
        guard let looked = process.record?[.looked], let old = before[rank]?.record?[.looked] else {
          continue
        }
        if looked != old { polling.insert(rank) }
      }
    }
    return (here, polling)
  }

  /// Gathers what is needed to name the ranks that keep a call waiting, when it has lasted too long. Takes up to half a
  /// second.
  ///
  /// - Parameters:
  ///   - operation: The waiting operation.
  ///   - awaited: The world ranks that it waits for; nil for all others.
  ///   - answered: What other ranks have answered about their waits.
  ///   - since: When the wait began, by the monotonic clock.
  /// - Returns: The ranks of this host, as they are now and as they were at half the deadline of this wait.
  func findCulprits(
    _ operation: String, awaiting awaited: [Int]?, answered: [AnsweredWait], since: UInt64
  ) -> Culprits {
    let launch = Launch.current
    let (here, polling) = ranksPolling()
    let (peers, halfway) = known.withLock {
      ($0.peers, $0.halfway.since == since ? $0.halfway.ranks : [])
    }
    return Culprits(
      me: peers?.me ?? launch?.rank ?? 0, stage: stage, operation: operation, awaited: awaited,
      size: peers?.hosts.count ?? launch?.size, peers: peers, sizeOnHost: launch?.sizeOnHost,
      host: hostName(), here: here, polling: polling, wereStopped: halfway.filter(\.isStopped),
      wereWaiting: halfway.filter { $0.record.map { $0[.waitSince] != 0 } ?? false },
      ownCall: record.waitingCall, isShowing: record.isVisible, answered: answered,
      now: monotonicNanoseconds())
  }

  /// Notes in this rank's record that its wait has reached the deadline.
  func noteOverdue() { record[.overdueSince] = monotonicNanoseconds() }

  /// Returns a sentence about the first call at which ranks of this host differ; nil if there is none that explains
  /// this rank's wait, or if another rank of this host reached its deadline earlier and prints it.
  ///
  /// Call it after ``noteOverdue()``.
  func differenceOfCalls(_ culprits: Culprits) -> String? {
    guard stage == .running || stage == .ending else { return nil }
    var calls: CallComparison.Calls = [:]
    let own = (record[.overdueSince], culprits.me)
    var waiting = culprits.ownCall
    for (rank, process) in culprits.here.map({ ($0.key, $0.value.process) }) + [
      (culprits.me, Int(ck_process()))
    ] {
      guard let found = WatchRecord.read(process: process, isWhole: true).first else { continue }
      if found[.overdueSince] != 0, (found[.overdueSince], rank) < own { return nil }
      calls[rank] = found.calls.map { CallComparison.MadeCall($0) }
      // Inside MPI a rank waits in its latest call.
      if rank == culprits.me, edge.load(ordering: .relaxed) % 2 == 1, let last = found.calls.first {
        waiting = CallPlace(communicator: last.communicator, number: last.number)
      }
    }
    return CallComparison.difference(
      calls, waiting: waiting.map { ($0.communicator, $0.number) },
      awaited: culprits.awaited ?? Array(calls.keys))
  }
}
