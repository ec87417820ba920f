internal import CKernels

/// How far a rank has come.
enum Stage: UInt64, Comparable, Sendable {
  /// Before or in `MPI_Init_thread`.
  case starting = 1
  /// MPI is there; the library makes what it needs.
  case settingUp
  /// The program runs.
  case running
  /// In `MPI_Finalize`.
  case finishing
  /// After `MPI_Finalize`.
  case done
  /// The rank has found a reason to end the job.
  case ending

  static func < (a: Stage, b: Stage) -> Bool { a.rawValue < b.rawValue }
}

/// What a rank tells the other ranks of its host: its stage, and the call that it waits in.
///
/// Numbers in a nameless file in memory that the rank keeps open (memfd). The others find it in
/// /proc/PID/fd when a wait has lasted longer than the deadline, and only then. No file is left behind,
/// whatever ends the rank. Numbers that are read while they change may be torn: they are used in texts alone.
enum WatchField: Int {
  /// ``WatchRecord/magic``, first.
  case magic
  /// The process's id, as it sees itself.
  case process
  /// A ``Stage``.
  case stage
  /// When the watch thread looked last, by the monotonic clock, which a host's processes share.
  case watched
  /// Since when the rank has been in a guarded call, 0 if it is in none.
  case callSince
  /// When the rank, waiting outside MPI, looked last.
  case looked
  /// The guarded call's name, 64 bytes.
  case call = 8
  /// What the rank waits in outside MPI, 64 bytes.
  case wait = 16

  /// Bytes of a text.
  static let textBytes = 64
  /// Numbers in all.
  static let count = 24
}

/// This process's own record.
///
/// Every field is written by one thread: `watched`, `callSince` and `call` by the watch thread, the
/// others by the thread that calls MPI.
struct OwnRecord: @unchecked Sendable {
  private let numbers: UnsafeMutablePointer<UInt64>
  /// Whether others can see it; where the system does not let them it is memory like any other.
  let isVisible: Bool

  /// Makes the record, which lasts as long as the process.
  init() {
    let bytes = WatchField.count * 8
    let shared = ck_visible_memory(WatchRecord.fileName, bytes)
    let memory = shared ?? .allocate(byteCount: bytes, alignment: 64)
    isVisible = shared != nil
    numbers = memory.bindMemory(to: UInt64.self, capacity: WatchField.count)
    numbers.initialize(repeating: 0, count: WatchField.count)
    self[.process] = UInt64(ck_process())
    self[.stage] = Stage.starting.rawValue
    self[.magic] = WatchRecord.magic
  }

  subscript(field: WatchField) -> UInt64 {
    get { numbers[field.rawValue] }
    nonmutating set { numbers[field.rawValue] = newValue }
  }

  /// Writes a text, cut to its field.
  func write(_ text: String, to field: WatchField) {
    let bytes = UnsafeMutableRawBufferPointer(
      start: numbers + field.rawValue, count: WatchField.textBytes)
    let end = Array(text.utf8.prefix(bytes.count - 1)) + [0]
    bytes.copyBytes(from: end)
  }
}

/// Another rank's record, as it was at one moment.
struct WatchRecord: Sendable {
  static let magic: UInt64 = 0x616c_6c72_6564_7501
  static let fileName = "allreduce-watch"

  private let numbers: [UInt64]

  private init?(_ bytes: [UInt8]) {
    guard bytes.count >= WatchField.count * 8 else { return nil }
    numbers = bytes.withUnsafeBytes { bytes in
      (0..<WatchField.count).map { bytes.loadUnaligned(fromByteOffset: $0 * 8, as: UInt64.self) }
    }
    if self[.magic] != WatchRecord.magic { return nil }
  }

  /// The records of a process of this host: one, or none before it came to ``MPI/run(threading:_:)``.
  static func read(process: Int) -> [WatchRecord] {
    let folder = "/proc/\(process)/fd"
    return names(inFolder: folder).compactMap { file in
      guard target(ofLink: "\(folder)/\(file)")?.hasPrefix("/memfd:\(fileName) ") == true else {
        return nil
      }
      return bytes(ofFile: "\(folder)/\(file)").flatMap { WatchRecord($0) }
    }
  }

  subscript(field: WatchField) -> UInt64 { numbers[field.rawValue] }

  private func text(_ field: WatchField) -> String {
    let words = numbers[field.rawValue..<(field.rawValue + WatchField.textBytes / 8)]
    return Array(words).withUnsafeBytes { bytes in
      String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
  }

  /// What keeps the rank from running: it waits too, or has ended.
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
