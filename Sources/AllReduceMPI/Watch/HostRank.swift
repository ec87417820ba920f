internal import CKernels

/// A rank of the job whose process is, or was, on this host.
struct HostRank: Sendable {
  /// The world rank.
  let rank: Int
  /// The process's id, as this process sees it.
  let process: Int
  /// When the process began, in clock ticks since the host booted.
  let start: UInt64
  /// The process's state, as the letter of /proc/PID/stat; nil if the process has ended.
  let state: Character?
  /// The rank's record; nil before the rank has called ``MPI/run(over:threading:_:)``.
  let record: WatchRecord?

  /// Creates the description of a rank's process as it is now. If the process that has this id began at another time,
  /// the rank's process has ended.
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
    // A child of the rank that has not begun its own program yet shows the rank's record.
    record = records.first { $0[.process] == UInt64(process) } ?? records.first
  }

  /// A description of the last call that the rank has made; nil if it cannot be seen.
  var lastCall: String? {
    guard state != nil, record != nil else { return nil }
    let whole = WatchRecord.read(process: process, isWhole: true)
    return whole.first { $0[.process] == UInt64(process) }?.calls.first.map {
      "\($0.call.descriptionOfOthers), number \($0.number)"
    }
  }

  /// Whether the process has been stopped, by a signal or a debugger.
  var isStopped: Bool { state == "T" || state == "t" }

  /// A description of what keeps the process from running; nil if nothing does.
  var condition: String? {
    if state == nil { return "has ended" }
    return isStopped ? "is stopped" : nil
  }

  /// Returns the ranks of the job that have a process on this host, this rank included, found by the launcher's
  /// variables in /proc/PID/environ.
  ///
  /// Ranks that have not called ``MPI/run(over:threading:_:)`` are found too. Returns no ranks if the launcher has not
  /// named the job. It takes some milliseconds for a thousand processes.
  static func all(of launch: Launch) -> [Int: HostRank] {
    var candidates: [Int: [HostRank]] = [:]
    let me = effectiveUser()
    for name in names(inFolder: "/proc") {
      guard let process = Int(name), owner(ofFile: "/proc/\(name)")?.user == me,
        let environment = bytes(ofFile: "/proc/\(name)/environ"),
        let rank = launch.rank(inEnvironment: environment),
        // A process of this library that only ends other processes has no open file.
        names(inFolder: "/proc/\(name)/fd").contains(where: { $0.first != "." })
      else { continue }
      var start: UInt64 = 0
      _ = ck_process_state(Int64(process), &start)
      candidates[rank, default: []].append(HostRank(rank: rank, process: process, start: start))
    }
    return candidates.compactMapValues(program)
  }

  /// Returns the rank's program among the processes that have the rank's variables: a shell that has them too may have
  /// started the program, and the program may have started other processes.
  private static func program(among processes: [HostRank]) -> HostRank? {
    let shown = processes.filter { $0.record != nil }
    if let own = shown.first(where: { $0.record?[.process] == UInt64($0.process) }) { return own }
    if let any = shown.first ?? processes.first(where: \.isStopped) { return any }
    return processes.max { ($0.start, $0.process) < ($1.start, $1.process) }
  }
}
