internal import CKernels

/// The fields of a rank's record, which the other ranks of its host and `allreduce-status` read: the rank's stage, the
/// call in which it waits, how far its work has come, and its last calls.
///
/// The record consists of numbers in a nameless file in memory that the rank keeps open (memfd). Other processes find
/// it in /proc/PID/fd, which the system shows only to this user's processes, and read it only when needed, such as at
/// the deadline or for the status. So it can be read while the rank is stopped, no file is left behind, whatever ends
/// the rank, and no thread has to answer. Numbers that are read while they change may be torn: they are used only in
/// texts.
enum WatchField: Int {
  /// The number ``WatchRecord/magic``, which marks a record.
  case magic
  /// The process's id, as the process itself sees it.
  case process
  /// The rank's ``Stage``, as a number.
  case stage
  /// When the watch thread looked last, by the monotonic clock, which a host's processes share.
  case watched
  /// When the rank entered the guarded call that it is in; 0 if it is in none.
  case callSince
  /// When the rank last polled in a wait outside MPI.
  case looked
  /// The number of calls that the rank has made; the last of them are stored behind the record's ``WatchField/count``
  /// numbers.
  case calls
  /// When the watch thread last saw the number of calls grow.
  case calledAt
  /// The name of the guarded call that the rank is in, 64 bytes.
  case call = 8
  /// The call in which the rank waits outside MPI, 64 bytes.
  case wait = 16
  /// When the rank's wait outside MPI began; 0 if the rank does not wait, or has not waited for long.
  case waitSince = 24
  /// The communicator and number of the call in which the rank waits; 0 for messages.
  case waitCommunicator, waitNumber
  /// The number of ranks that the rank waits for, up to 16 of which follow; -1 for all others.
  case awaitedCount
  case awaited
  /// The nanoseconds after which the rank's wait counts as long.
  case limit = 44
  /// The world rank, and the number of ranks in the job; 0 ranks before it is known.
  case rank, size
  /// The launcher's name for the job, 64 bytes.
  case job = 48
  /// The host's name, 64 bytes.
  case host = 56
  /// The number of steps of the work that are done, and of all its steps; the latter is 0 if there is no work.
  case stepsDone = 64
  case steps
  /// The value of the work's measure of quality, and the examples per second: bits of a `Double`.
  case figure, rate
  /// When the latest step ended, and when the work began.
  case steppedAt, workSince
  /// The seconds spent in steps that were not lost, in steps that were lost, in writing checkpoints, in waiting, in
  /// starting again, and otherwise: bits of a `Double`.
  case useful, repeated, saving, waiting, restarting, other
  /// The name of the work's measure of quality, 64 bytes.
  case figureName = 80
  /// When the rank found that its wait has reached the deadline; 0 before.
  case overdueSince = 88
  /// The deadline in nanoseconds; the largest number for no deadline.
  case deadline
  /// The nanoseconds after which the guarded call that the rank is in counts as long.
  case callLimit
  /// The number of calls that the watch thread saw when it last saw it grow.
  case callsSeen
  /// When the watch thread saw that a signal has asked for a report; 0 before.
  case reportAsked

  /// The number of bytes of a text field.
  static let textBytes = 64
  /// The number of numbers in the record, in front of the calls.
  static let count = 128
}

/// This process's own record.
///
/// Every field is written by one thread: `watched`, `callSince`, `callLimit`, `calledAt`, `callsSeen`, `call` and
/// `reportAsked` by the watch thread, the others by the thread that calls MPI, or by that which ends the job.
struct OwnRecord: @unchecked Sendable {
  private let numbers: UnsafeMutablePointer<UInt64>
  /// Whether other processes can read the record; where the system does not allow that, the record is ordinary memory.
  let isVisible: Bool

  /// The record of this process.
  static let ofProcess = OwnRecord()

  /// Creates the record, which lasts as long as the process.
  private init() {
    let bytes = WatchRecord.byteCount
    let shared = ck_visible_memory(WatchRecord.fileName, bytes)
    let memory = shared ?? .allocate(byteCount: bytes, alignment: 64)
    isVisible = shared != nil
    numbers = memory.bindMemory(to: UInt64.self, capacity: bytes / 8)
    // A file in memory is all zero, and takes no pages before they are written.
    if shared == nil { numbers.initialize(repeating: 0, count: bytes / 8) }
    self[.process] = UInt64(ck_process())
    self[.stage] = Stage.starting.rawValue
    self[.deadline] = Deadline.seconds.map { UInt64(min($0, 1e9) * 1e9) } ?? .max
    write(hostName(), to: .host)
    if let launch = Launch.current {
      self[.rank] = UInt64(launch.rank)
      self[.size] = UInt64(launch.size ?? 0)
      write(launch.job ?? "", to: .job)
    }
    self[.magic] = WatchRecord.magic
  }

  subscript(field: WatchField) -> UInt64 {
    get { numbers[field.rawValue] }
    nonmutating set { numbers[field.rawValue] = newValue }
  }

  /// The memory in which calls are noted, and the number of calls.
  var calls: (entries: UnsafeMutablePointer<CallRecord.Entry>, noted: UnsafeMutablePointer<Int>) {
    let entries = UnsafeMutableRawPointer(numbers + WatchField.count)
    let noted = UnsafeMutableRawPointer(numbers + WatchField.calls.rawValue)
    return (
      entries.bindMemory(to: CallRecord.Entry.self, capacity: CallRecord.capacity),
      noted.bindMemory(to: Int.self, capacity: 1)
    )
  }

  /// The call in which the rank waits outside MPI; nil for messages, and if it does not wait.
  var waitingCall: CallPlace? {
    self[.waitSince] == 0
      ? nil : CallPlace(waitingIn: self[.waitCommunicator], self[.waitNumber])
  }

  /// Writes a text, cut to the size of its field.
  func write(_ text: String, to field: WatchField) {
    let bytes = UnsafeMutableRawBufferPointer(
      start: numbers + field.rawValue, count: WatchField.textBytes)
    let end = Array(text.utf8.prefix(bytes.count - 1)) + [0]
    bytes.copyBytes(from: end)
  }

  /// Writes the ranks that this rank waits for; nil for all others.
  func write(awaited ranks: [Int]?) {
    guard let ranks else {
      self[.awaitedCount] = .max
      return
    }
    for (place, rank) in ranks.prefix(WatchRecord.mostAwaited).enumerated() {
      numbers[WatchField.awaited.rawValue + place] = UInt64(rank)
    }
    self[.awaitedCount] = UInt64(ranks.count)
  }

  /// Writes the process and host of every rank.
  func write(_ peers: Peers) {
    let start = UnsafeMutableRawPointer(numbers) + WatchRecord.peersStart
    for rank in peers.hosts.indices.prefix(WatchRecord.mostPeers) {
      let entry = UnsafeMutableRawBufferPointer(
        start: start + rank * WatchRecord.peerBytes, count: WatchRecord.peerBytes)
      entry.storeBytes(of: UInt64(peers.processes[rank]), as: UInt64.self)
      let name = Array(peers.hosts[rank].utf8.prefix(WatchRecord.peerBytes - 9)) + [0]
      UnsafeMutableRawBufferPointer(rebasing: entry[8...]).copyBytes(from: name)
    }
    (self[.rank], self[.size]) = (UInt64(peers.me), UInt64(peers.hosts.count))
  }
}

/// A rank's record, as it was at one moment.
package struct WatchRecord: Sendable {
  static let magic: UInt64 = 0x616c_6c72_6564_7502
  static let fileName = "allreduce-watch"
  /// The most ranks that a wait names, and the most ranks whose process and host the record has room for.
  static let (mostAwaited, mostPeers) = (16, 4096)
  static let peerBytes = 64
  static let peersStart = (WatchField.count + CallRecord.capacity * 8) * 8
  static let byteCount = peersStart + mostPeers * peerBytes

  private let numbers: [UInt64]

  private init?(_ bytes: [UInt8]) {
    guard bytes.count >= WatchField.count * 8 else { return nil }
    numbers = bytes.withUnsafeBytes { bytes in
      (0..<bytes.count / 8).map { bytes.loadUnaligned(fromByteOffset: $0 * 8, as: UInt64.self) }
    }
    if self[.magic] != WatchRecord.magic { return nil }
  }

  /// Returns the records of a process of this host: one, or none before the process has called
  /// ``MPI/run(over:threading:_:)``.
  ///
  /// - Parameters:
  ///   - process: The process's id.
  ///   - isWhole: Whether to read the calls and the places of all ranks too.
  /// - Returns: The records that can be read.
  static func read(process: Int, isWhole: Bool = false) -> [WatchRecord] {
    let folder = "/proc/\(process)/fd"
    return names(inFolder: folder).compactMap { file in
      guard target(ofLink: "\(folder)/\(file)")?.hasPrefix("/memfd:\(fileName) ") == true else {
        return nil
      }
      let most = isWhole ? WatchRecord.byteCount : WatchField.count * 8
      return bytes(ofFile: "\(folder)/\(file)", atMost: most).flatMap { WatchRecord($0) }
    }
  }

  subscript(field: WatchField) -> UInt64 { numbers[field.rawValue] }

  func text(_ field: WatchField) -> String { text(at: field.rawValue, bytes: WatchField.textBytes) }

  private func text(at place: Int, bytes: Int) -> String {
    let words = numbers[place..<place + bytes / 8]
    return Array(words).withUnsafeBytes { bytes in
      String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
  }

  func number(_ field: WatchField) -> Double { Double(bitPattern: self[field]) }

  /// The ranks that the rank waits for, up to 16; nil for all others.
  var awaited: [Int]? {
    let count = self[.awaitedCount]
    if count == .max { return nil }
    let start = WatchField.awaited.rawValue
    return (0..<Int(min(count, UInt64(WatchRecord.mostAwaited)))).map {
      Int(truncatingIfNeeded: numbers[start + $0])
    }
  }

  /// The call in which the rank waits; nil for messages.
  var waitingCall: CallPlace? { CallPlace(waitingIn: self[.waitCommunicator], self[.waitNumber]) }

  /// The rank's last calls, the latest first; none unless the record was read whole.
  var calls: [CallRecord.Entry] {
    guard numbers.count * 8 >= WatchRecord.peersStart else { return [] }
    let noted = Int(truncatingIfNeeded: self[.calls])
    return (0..<max(0, min(noted, CallRecord.capacity))).map { back in
      let place = WatchField.count + ((noted - 1 - back) & (CallRecord.capacity - 1)) * 8
      let words = numbers[place..<place + 8].map { $0 }
      return CallRecord.Entry(
        communicator: words[0], number: words[1], running: words[2],
        call: Call(
          head: words[3], count: words[4], segment: words[5], arena: words[6], name: words[7]))
    }
  }

  /// Returns where a rank runs; nil if that is not known, or the record was not read whole.
  func place(ofRank rank: Int) -> (process: Int, host: String)? {
    let place = (WatchRecord.peersStart + rank * WatchRecord.peerBytes) / 8
    guard (0..<WatchRecord.mostPeers).contains(rank), place + 8 <= numbers.count,
      numbers[place] != 0
    else { return nil }
    return (
      Int(truncatingIfNeeded: numbers[place]), text(at: place + 1, bytes: WatchRecord.peerBytes - 8)
    )
  }

  /// Returns why the rank is not at work: it waits too, or has ended.
  ///
  /// - Parameters:
  ///   - isPolling: Whether the rank has polled in a wait outside MPI between two looks at it.
  ///   - now: The present time, by the monotonic clock.
  /// - Returns: Words that follow "which"; nil if the rank does not wait.
  func wait(isPolling: Bool, now: UInt64) -> String? {
    switch Stage(rawValue: self[.stage]) {
    case .starting: return "waits in MPI_Init_thread"
    case .finishing: return "waits in MPI_Finalize"
    case .done, .ending: return "has ended"
    default: break
    }
    // A process that does not run has not been watched recently. At its deadline a rank reports what it waits for, and
    // neither watches nor polls.
    let isOverdue = self[.overdueSince] != 0
    if self[.callSince] != 0 && (isOverdue || now < self[.watched] + WatchRecord.recent) {
      return "waits in \(text(.call))"
    }
    if isPolling || isOverdue {
      let operation = text(.wait)
      return "waits in \(operation.isEmpty ? "another call" : operation)"
    }
    return nil
  }

  /// The nanoseconds within which the watch thread of a rank has looked at least once. It looks ten or more times per
  /// deadline, and once a second at least.
  private static let recent = UInt64(max(0.25, min(4, (Deadline.seconds ?? 16) / 4)) * 1e9)
}
