internal import CKernels

/// The status of a rank of a running job, as another process of the same user on the same host sees it.
package struct RankStatus {
  /// The condition of a rank.
  package enum Condition: String, Sendable {
    /// The rank is before or in `MPI_Init_thread`, or sets up the library.
    case starting
    case running
    /// The rank waits in a call for other ranks.
    case waiting
    /// The process is stopped by a signal or a debugger.
    case stopped
    /// The rank is in `MPI_Finalize`, or after it.
    case finishing
    /// The rank has found a reason to end the job.
    case ending
  }

  /// The launcher's name for the job, or the process's id if there was no launcher.
  package let job: String
  package let host: String
  package let rank: Int
  /// The number of ranks in the job; 0 before it is known.
  package let size: Int
  /// The id of the rank's process in the process's own PID namespace.
  package let process: Int
  package let condition: Condition
  /// How many seconds the rank has waited. Where it does not wait, how many seconds ago, at least, it made a call or
  /// ended a step of its work; nil within the second in which that is not known.
  package let seconds: Double?
  /// The rank's last call, and the call's number on its communicator; nil before the first call.
  package let lastCall: (words: String, number: Int)?
  /// Whether the rank has called ``MPI/run(over:threading:_:)``; otherwise it is known only from the launcher's
  /// variables.
  package let hasCome: Bool
  /// Whether the rank has left MPI.
  package let isDone: Bool
  /// The call in which the rank waits, or waited when it was stopped; nil if it does not wait.
  package let wait: (words: String, communicator: UInt64, number: UInt64)?
  /// The ranks that the rank waits for, up to 16; nil for all others.
  package let awaited: [Int]?
  /// The number of seconds after which the rank's wait counts as long; nil if it does not wait.
  package let limit: Double?
  /// The number of seconds after which a wait ends the job; nil for no deadline, or if it is not known.
  package let deadline: Double?
  /// The name of the rank's program; nil if it cannot be seen.
  package let program: String?
  /// How many seconds ago the rank's process began.
  package let age: Double?
  /// How far the rank's work has come, and how many seconds ago the latest step ended.
  package let progress: (work: WorkProgress, seconds: Double)?
  /// The rank's last calls, the latest first.
  private let entries: [CallRecord.Entry]
  private let record: WatchRecord?

  /// The rank's last calls, up to 1,024, the latest first.
  package var calls: [CallComparison.MadeCall] { entries.map { CallComparison.MadeCall($0) } }

  /// Returns where another rank of the job runs; nil before it is known.
  package func place(ofRank rank: Int) -> (process: Int, host: String)? {
    record?.place(ofRank: rank)
  }

  /// Returns all ranks of this user's jobs whose processes can be seen from here, ordered by job and rank. Includes
  /// ranks that have been launched and have not called ``MPI/run(over:threading:_:)``.
  ///
  /// It reads /proc, sends nothing to the ranks, and takes some 40 milliseconds: it looks twice, to tell a rank that
  /// waits from a rank that has waited.
  package static func all() -> [RankStatus] {
    let user = effectiveUser()
    let processes = names(inFolder: "/proc").compactMap { Int($0) }.filter {
      owner(ofFile: "/proc/\($0)")?.user == user
    }
    var first: [Int: [WatchRecord]] = [:]
    for process in processes {
      let records = WatchRecord.read(process: process)
      if !records.isEmpty { first[process] = records }
    }
    sleepThread(seconds: 0.03)
    var found: [RankStatus] = []
    for (process, before) in first.sorted(by: { $0.key < $1.key }) {
      let records = WatchRecord.read(process: process, isWhole: true)
      // A child of the rank that has not begun its own program yet shows the rank's record.
      guard let record = records.first(where: { $0[.process] == UInt64(process) }) ?? records.first
      else { continue }
      let own = before.first { $0[.process] == record[.process] } ?? record
      found.append(RankStatus(record, before: own, process))
    }
    let come = Set(found.map { "\($0.job) \($0.rank)" })
    found += launched(processes.filter { first[$0] == nil }).filter {
      !come.contains("\($0.job) \($0.rank)")
    }
    // A child of a rank that has not begun its program yet shows the same record.
    var seen: Set<String> = []
    return found.sorted { ($0.job, $0.rank, $0.process) < ($1.job, $1.rank, $1.process) }
      .filter { seen.insert("\($0.job) \($0.rank) \($0.process) \($0.host)").inserted }
  }

  /// Returns the ranks that launchers have started among processes, found by the launchers' variables.
  private static func launched(_ processes: [Int]) -> [RankStatus] {
    var found: [String: RankStatus] = [:]
    for process in processes.sorted() {
      guard let environment = bytes(ofFile: "/proc/\(process)/environ"),
        let launch = Launch(environment: environment), let job = launch.job,
        // A process of this library that only ends others holds no file.
        names(inFolder: "/proc/\(process)/fd").contains(where: { $0.first != "." })
      else { continue }
      let status = RankStatus(launch, job, process)
      // A shell that has started the program is a different process, and an older one.
      if found["\(job) \(launch.rank)"]?.condition != .stopped {
        found["\(job) \(launch.rank)"] = status
      }
    }
    return Array(found.values)
  }

  private init(_ launch: Launch, _ job: String, _ process: Int) {
    var start: UInt64 = 0
    let state = ck_process_state(Int64(process), &start)
    let isStopped = [UInt8(ascii: "T"), UInt8(ascii: "t")].contains(UInt8(bitPattern: state))
    (self.job, host, rank, size) = (job, hostName(), launch.rank, launch.size ?? 0)
    (self.process, condition) = (process, isStopped ? .stopped : .starting)
    (hasCome, isDone, record, entries) = (false, false, nil, [])
    (seconds, lastCall, wait, awaited, limit, progress) = (nil, nil, nil, nil, nil, nil)
    (deadline, program, age) = (nil, RankStatus.program(of: process), RankStatus.age(start))
  }

  private init(_ record: WatchRecord, before: WatchRecord, _ process: Int) {
    (self.record, hasCome) = (record, true)
    let now = monotonicNanoseconds()
    func ago(_ since: UInt64) -> Double? {
      since == 0 ? nil : since > now ? 0 : Double(now - since) / 1e9
    }
    var start: UInt64 = 0
    let state = ck_process_state(Int64(process), &start)
    let isStopped = [UInt8(ascii: "T"), UInt8(ascii: "t")].contains(UInt8(bitPattern: state))
    let name = record.text(.job)
    self.process = Int(truncatingIfNeeded: record[.process])
    job = name.isEmpty ? "process-\(self.process)" : name
    host = record.text(.host)
    (rank, size) = (
      Int(truncatingIfNeeded: record[.rank]), Int(truncatingIfNeeded: record[.size])
    )
    entries = record.calls
    lastCall = entries.first.map {
      ($0.call.descriptionOfOthers, Int(truncatingIfNeeded: $0.number))
    }

    let isLooking =
      record[.waitSince] != 0 && (isStopped || record[.looked] != before[.looked])
    // A rank that has made calls since the watch thread looked has left the call that is noted.
    let isInside = record[.callSince] != 0 && record[.calls] == record[.callsSeen]
    var (wait, seconds, limit): ((String, UInt64, UInt64)?, Double?, Double?)
    var awaited: [Int]?
    if isLooking {
      let (communicator, number) = (record[.waitCommunicator], record[.waitNumber])
      let entry = entries.first {
        communicator != 0 && $0.communicator == communicator && $0.number == number
      }
      let text = record.text(.wait)
      wait = (
        entry?.call.descriptionOfOthers ?? (text.isEmpty ? "a wait for messages" : text),
        communicator, number
      )
      (awaited, seconds) = (record.awaited, ago(record[.waitSince]))
      limit = Double(record[.limit]) / 1e9
    } else if isInside {
      (wait, seconds) = ((record.text(.call), 0, 0), ago(record[.callSince]))
      limit = Double(record[.callLimit]) / 1e9
    }
    deadline =
      [0, .max].contains(record[.deadline]) ? nil : Double(record[.deadline]) / 1e9
    (program, age) = (RankStatus.program(of: process), RankStatus.age(start))
    let stage = Stage(rawValue: record[.stage]) ?? .starting
    // The watch thread notes the call a moment after it has begun.
    if wait == nil, stage == .starting { wait = ("MPI_Init_thread", 0, 0) }
    if wait == nil, stage == .finishing { wait = ("MPI_Finalize", 0, 0) }
    isDone = stage == .done
    (self.wait, self.awaited, self.limit) = (wait.map { ($0.0, $0.1, $0.2) }, awaited, limit)
    condition =
      isStopped
      ? .stopped
      : stage < .running
        ? .starting
        : stage == .finishing || stage == .done
          ? .finishing : stage == .ending ? .ending : wait != nil ? .waiting : .running
    self.seconds =
      seconds ?? ago(record.lastProgress).flatMap { isStopped || $0 >= RankStatus.least ? $0 : nil }
    progress = record.progress.map { ($0, ago(record[.steppedAt]) ?? 0) }
  }

  /// The shortest time since a rank's last progress that is shown: calls are counted once in each such period.
  private static let least = 1.5 * Watchdog.longestPeriod

  /// Returns the name of a process's program; nil if it cannot be seen.
  private static func program(of process: Int) -> String? {
    guard let path = target(ofLink: "/proc/\(process)/exe") else { return nil }
    // What the system appends where the file has been replaced, as by a new build.
    let replaced = " (deleted)"
    let file = path.hasSuffix(replaced) ? path.dropLast(replaced.count) : path[...]
    return file.split(separator: "/").last.map(String.init)
  }

  /// Returns how many seconds ago a process began that has this start time, in clock ticks since the host booted.
  private static func age(_ start: UInt64) -> Double? {
    guard start > 0, let text = bytes(ofFile: "/proc/uptime"),
      let uptime = String(decoding: text, as: UTF8.self).split(separator: " ").first.flatMap({
        Double($0)
      })
    else { return nil }
    return max(0, uptime - Double(start) / Double(clockTicksPerSecond()))
  }
}

extension WatchRecord {
  /// When the rank is known to have made a call or ended a step of its work, by the monotonic clock; it may have made
  /// calls up to a period of the watch thread later. 0 if that is not known.
  fileprivate var lastProgress: UInt64 {
    // The rank has made calls since the watch thread last looked.
    let isNew = self[.calls] != self[.callsSeen]
    let stepped = self[.workSince] == 0 ? 0 : self[.steppedAt]
    return max(isNew ? self[.watched] : self[.calledAt], stepped)
  }
}
