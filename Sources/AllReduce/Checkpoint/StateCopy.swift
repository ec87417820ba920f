internal import AllReduceMPI
internal import AllReduceNN
internal import CKernels

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A copy of a state that a thread writes in the background while training continues; on rank 0.
///
/// Its memory, as large as the state, is kept for the next one.
final class StateCopy<Scalar: NetworkScalar>: @unchecked Sendable {
  /// How a writing has ended.
  enum Outcome {
    /// Nothing was written, or it has been told.
    case none
    case written(seconds: Double)
    /// The states before stand, and the training can go on.
    case failed(any Error)
    /// The training has gone wrong.
    case diverged(TrainingError)
  }

  private struct Progress {
    var isRunning = false
    var outcome = Outcome.none
  }

  let memory: TensorMemory<Scalar>
  private let progress = Locked(Progress())

  /// Takes memory for `count` numbers; nil if there is not enough of it. The system is left half of what it has.
  init?(count: Int) {
    let room = ck_memory_room()
    let bytes = Int64(count * MemoryLayout<Scalar>.stride)
    guard bytes < min(room.system, room.group) / 2, bytes < room.addresses else { return nil }
    memory = TensorMemory(count: count)
  }

  /// Whether a thread still writes.
  var isRunning: Bool { progress.withLock { $0.isRunning } }

  /// How the latest writing has ended, once; none while it goes on.
  func takeOutcome() -> Outcome {
    progress.withLock { progress in
      guard !progress.isRunning else { return .none }
      defer { progress.outcome = .none }
      return progress.outcome
    }
  }

  /// Keeps an outcome to be taken again.
  func putBack(_ outcome: Outcome) { progress.withLock { $0.outcome = outcome } }

  /// Waits until no thread writes.
  func wait() {
    while isRunning { sleepThread(seconds: 0.001) }
  }

  /// Begins to write on a thread of its own.
  func start(_ write: @escaping @Sendable () -> Outcome) {
    progress.withLock { $0.isRunning = true }
    let started = startDetachedThread { [self] in
      blockSignalsInThread()
      let outcome = write()
      progress.withLock { $0 = Progress(isRunning: false, outcome: outcome) }
    }
    // Without threads it is written here.
    if !started {
      let outcome = write()
      progress.withLock { $0 = Progress(isRunning: false, outcome: outcome) }
    }
  }
}

extension Checkpoint {
  /// Makes sure that there is room for a state beside those that are there.
  ///
  /// - Throws: ``DataError`` with both figures if not.
  func requireRoom(bytes: Int) throws(DataError) {
    var system = statvfs()
    guard statvfs(directory, &system) == 0 else { return }
    let free = Int(clamping: UInt64(system.f_bavail) &* UInt64(system.f_frsize))
    // Names and the folder take some too.
    if free >= bytes + (64 << 10) { return }
    throw DataError(
      file: directory, expected: "\(Checkpoint.text(bytes)) of free space for the next state",
      found: Checkpoint.text(free), advice: "make room, or keep fewer states")
  }

  private static func text(_ bytes: Int) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 32) { text in
      ck_byte_text(Int64(bytes), text.baseAddress)
      return String(cString: text.baseAddress!)
    }
  }
}
