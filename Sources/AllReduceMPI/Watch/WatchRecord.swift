internal import CKernels

/// The state of a rank that the other ranks of its host, and `allreduce-status`, read: its stage, the call that it
/// waits in, how far its work has come, and its last calls.
///
/// Numbers in a nameless file in memory that the rank keeps open (memfd). Others find it in /proc/PID/fd, which the
/// system shows to this user's processes alone, and only when somebody asks: at the deadline, or for the status. So it
/// can be read while the rank is stopped, no file is left behind, whatever ends the rank, and no thread has to answer.
/// Numbers that are read while they change may be torn: they are used in texts alone.
enum WatchField: Int {
  /// ``WatchRecord/magic``, first.
  case magic
  /// The process's id, as it sees itself.
  case process
  /// A ``Stage``.
  case stage
  /// When the watch thread looked last, by the monotonic clock, which a host's processes share.
  case watched
  /// When the rank entered the guarded call that it is in; 0 if it is in none.
  case callSince
  /// When the rank, waiting outside MPI, looked last.
  case looked
  /// The number of calls that the rank has made: the last of them are after ``WatchField/count``.
  case calls
  /// When the watch thread last saw that number grow.
  case calledAt
  /// The guarded call's name, 64 bytes.
  case call = 8
  /// The call that the rank waits in outside MPI, 64 bytes.
  case wait = 16
  /// When that wait began; 0 if the rank does not wait, or not for long.
  case waitSince = 24
  /// The communicator and number of the call that it waits in; 0 for messages.
  case waitCommunicator, waitNumber
  /// How many ranks it waits for, of which up to 16 follow; -1 for all others.
  case awaitedCount
  case awaited
  /// After how many nanoseconds a wait as this one counts as long.
  case limit = 44
  /// The world rank, and the ranks of the job; 0 ranks before it is known.
  case rank, size
  /// The launcher's name of the job, 64 bytes.
  case job = 48
  /// The host's name, 64 bytes.
  case host = 56
  /// Steps of the work that are done, and all of them; 0 of all for none.
  case stepsDone = 64
  case steps
  /// Its measure of quality, and the examples per second: bits of a `Double`.
  case figure, rate
  /// When a step ended last, and when the work began.
  case steppedAt, workSince
  /// Seconds that went into steps that last, into steps done twice, writing states, waiting, and starting again: bits
  /// of a `Double`.
  case useful, repeated, saving, waiting, restarting
  /// The name of the figure, 64 bytes.
  case figureName = 80

  /// Bytes of a text.
  static let textBytes = 64
  /// Numbers in all, in front of the calls.
  static let count = 128
}

/// This process's own record.
///
/// Every field is written by one thread: `watched`, `callSince`, `calledAt` and `call` by the watch thread, the
/// others by the thread that calls MPI.
struct OwnRecord: @unchecked Sendable {
  private let numbers: UnsafeMutablePointer<UInt64>
  /// Whether others can see it; where the system does not let them it is memory like any other.
  let isVisible: Bool

  /// The one of the process.
  static let ofProcess = OwnRecord()

  /// Makes the record, which lasts as long as the process.
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

  /// Where the calls are noted, and their number.
  var calls: (entries: UnsafeMutablePointer<CallRecord.Entry>, noted: UnsafeMutablePointer<Int>) {
    let entries = UnsafeMutableRawPointer(numbers + WatchField.count)
    let noted = UnsafeMutableRawPointer(numbers + WatchField.calls.rawValue)
    return (
      entries.bindMemory(to: CallRecord.Entry.self, capacity: CallRecord.capacity),
      noted.bindMemory(to: Int.self, capacity: 1)
    )
  }

  /// Writes a text, cut to its field.
  func write(_ text: String, to field: WatchField) {
    let bytes = UnsafeMutableRawBufferPointer(
      start: numbers + field.rawValue, count: WatchField.textBytes)
    let end = Array(text.utf8.prefix(bytes.count - 1)) + [0]
    bytes.copyBytes(from: end)
  }

  /// Writes ranks that are waited for; nil for all others.
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

  /// Writes where all ranks run.
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
  /// The ranks that a wait names at most, and those whose places the record has room for.
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

  /// The records of a process of this host: one, or none before it came to ``MPI/run(threading:_:)``.
  ///
  /// - Parameters:
  ///   - process: Its id.
  ///   - isWhole: Whether with its calls and the places of all ranks.
  /// - Returns: Those that can be read.
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

  /// The ranks that it waits for, up to 16; nil for all others.
  var awaited: [Int]? {
    let count = self[.awaitedCount]
    if count == .max { return nil }
    let start = WatchField.awaited.rawValue
    return (0..<Int(min(count, UInt64(WatchRecord.mostAwaited)))).map {
      Int(truncatingIfNeeded: numbers[start + $0])
    }
  }

  /// The last calls, the latest first, where the record was read whole.
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

  /// Where a rank runs, where the record was read whole.
  func place(ofRank rank: Int) -> (process: Int, host: String)? {
    let place = (WatchRecord.peersStart + rank * WatchRecord.peerBytes) / 8
    guard (0..<WatchRecord.mostPeers).contains(rank), place + 8 <= numbers.count,
      numbers[place] != 0
    else { return nil }
    return (
      Int(truncatingIfNeeded: numbers[place]), text(at: place + 1, bytes: WatchRecord.peerBytes - 8)
    )
  }

  /// Why the rank is not running: it waits too, or has ended.
  ///
  /// - Parameter now: The monotonic clock.
  /// - Returns: Words that follow "which"; nil if it runs.
  func wait(now: UInt64) -> String? {
    switch Stage(rawValue: self[.stage]) {
    case .starting: return "waits in MPI_Init_thread"
    case .finishing: return "waits in MPI_Finalize"
    case .done, .ending: return "has ended"
    default: break
    }
    // A process that does not run has no recent look.
    if self[.callSince] != 0 && now < self[.watched] + WatchRecord.recent {
      return "waits in \(text(.call))"
    }
    if self[.looked] != 0 && now < self[.looked] + WatchRecord.recent {
      let operation = text(.wait)
      return "waits in \(operation.isEmpty ? "another call" : operation)"
    }
    return nil
  }

  /// Nanoseconds within which a waiting rank has looked: its watch looks ten times a deadline or more
  /// often.
  private static let recent = UInt64(max(0.25, min(4, (Deadline.seconds ?? 0) / 4)) * 1e9)
}
