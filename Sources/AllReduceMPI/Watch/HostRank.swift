internal import CKernels

/// A rank of the job whose process is, or was, on this host.
struct HostRank: Sendable {
  /// The world rank.
  let rank: Int
  /// The process's id, as this process sees it.
  let process: Int
  /// When it began, in clock ticks since the host did.
  let start: UInt64
  /// Its state, as the letter of /proc/PID/stat; nil if the process has ended.
  let state: Character?
  /// Its record; nil before it came to ``MPI/run(threading:_:)``.
  let record: WatchRecord?

  /// Looks at a process that began at a time.
  init(rank: Int, process: Int, start: UInt64) {
    self.rank = rank
    self.process = process
    self.start = start
    var found: UInt64 = 0
    let state = Character(
      UnicodeScalar(UInt8(bitPattern: ck_process_state(Int64(process), &found))))
    let isThere = found == start && !["\0", "Z", "X"].contains(state)
    self.state = isThere ? state : nil
    let records = isThere ? WatchRecord.read(process: process) : []
    // A program that the rank has started and not yet replaced shows the rank's own.
    record = records.first { $0[.process] == UInt64(process) } ?? records.first
  }

  /// A description of the last call that it has made; nil if none can be seen.
  var lastCall: String? {
    guard state != nil, record != nil else { return nil }
    let whole = WatchRecord.read(process: process, isWhole: true)
    return whole.first { $0[.process] == UInt64(process) }?.calls.first.map {
      "\($0.call.descriptionOfOthers), number \($0.number)"
    }
  }

  /// Whether it has been stopped, by a signal or a debugger.
  var isStopped: Bool { state == "T" || state == "t" }

  /// A description of what keeps its process from running; nil if nothing does.
  var condition: String? {
    if state == nil { return "has ended" }
    return isStopped ? "is stopped" : nil
  }

  /// The ranks of the job that have a process on this host, this one included, by the launcher's
  /// variables in /proc/PID/environ.
  ///
  /// Those that have not come to ``MPI/run(threading:_:)`` are found too. None where the launcher has
  /// not named the job. It takes some milliseconds for a thousand processes.
  static func all(of launch: Launch) -> [Int: HostRank] {
    var candidates: [Int: [HostRank]] = [:]
    let me = effectiveUser()
    for name in names(inFolder: "/proc") {
      guard let process = Int(name), owner(ofFile: "/proc/\(name)")?.user == me,
        let environment = bytes(ofFile: "/proc/\(name)/environ"),
        let rank = launch.rank(inEnvironment: environment),
        // A process of this library that only ends others holds no file.
        names(inFolder: "/proc/\(name)/fd").contains(where: { $0.first != "." })
      else { continue }
      var start: UInt64 = 0
      _ = ck_process_state(Int64(process), &start)
      candidates[rank, default: []].append(HostRank(rank: rank, process: process, start: start))
    }
    return candidates.compactMapValues(program)
  }

  /// The rank's program among processes with the rank's variables: it may have been started by a shell
  /// that has them too, and may have started others.
  private static func program(among processes: [HostRank]) -> HostRank? {
    let shown = processes.filter { $0.record != nil }
    if let own = shown.first(where: { $0.record?[.process] == UInt64($0.process) }) { return own }
    if let any = shown.first ?? processes.first(where: \.isStopped) { return any }
    return processes.max { ($0.start, $0.process) < ($1.start, $1.process) }
  }
}
