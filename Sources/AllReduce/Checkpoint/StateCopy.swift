internal import AllReduceMPI
internal import AllReduceNN
internal import CKernels

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A copy of the training state on rank 0, which a background thread writes to a checkpoint while training continues.
///
/// Its memory, as large as the state, is reused for the next checkpoint.
final class StateCopy<Scalar: NetworkScalar>: @unchecked Sendable {
  /// The result of writing a checkpoint.
  enum Outcome {
    /// Nothing was written, or the result was already taken.
    case none
    case written(seconds: Double)
    /// The checkpoint could not be written. Earlier checkpoints are intact, and training can continue.
    case failed(any Error)
    /// The training has diverged: a tensor has an element that is not finite.
    case diverged(TrainingError)
  }

  private struct Progress {
    var isRunning = false
    /// Whether another thread waits until the work is done.
    var isAwaited = false
    /// When the latest writing or preparation of the memory began; nil before the first.
    var began: ContinuousClock.Instant?
    /// The number of seconds that the work may take.
    var seconds = 0.0
    var outcome = Outcome.none
  }

  /// The lowest speed of writing a checkpoint, in bytes per second. Writing is slow on purpose: where ranks use all
  /// cores, all of them wait for the rank whose core the writing thread uses, so the thread uses a small part of the
  /// core for a longer time.
  private static var slowest: Double { 40e6 }
  /// The longest time over which writing a checkpoint is spread, in seconds.
  private static var longest: Double { 25 }
  /// The fraction of the time between the starts of two checkpoints over which writing one is spread.
  private static var shareOfInterval: Double { 0.7 }
  /// The number of elements that are written at once.
  private static var pieceCount: Int { 1 << 20 }

  let memory: TensorMemory<Scalar>
  private let progress = Locked(Progress())

  /// Allocates memory for `count` numbers; nil if there is too little, since half of the available memory must stay
  /// free.
  init?(count: Int) {
    let room = ck_memory_room()
    let bytes = Int64(count * MemoryLayout<Scalar>.stride)
    guard bytes < min(room.system, room.group) / 2, bytes < room.addresses else { return nil }
    memory = TensorMemory(count: count)
  }

  /// The number of elements that the copy has memory for.
  var count: Int { memory.values.count }

  /// Whether the background thread is still working.
  var isRunning: Bool { progress.withLock { $0.isRunning } }

  /// Returns the outcome of the latest writing, once; `none` while the writing is in progress.
  func takeOutcome() -> Outcome {
    progress.withLock { progress in
      guard !progress.isRunning else { return .none }
      defer { progress.outcome = .none }
      return progress.outcome
    }
  }

  /// Stores an outcome, so that ``takeOutcome()`` returns it again.
  func putBack(_ outcome: Outcome) { progress.withLock { $0.outcome = outcome } }

  /// Waits until the background thread has finished.
  func wait() {
    progress.withLock { $0.isAwaited = true }
    while isRunning { sleepThread(seconds: 0.001) }
  }

  /// Calls `body` with the copy piece by piece, so slowly that training is hardly disturbed; without pauses once a
  /// thread waits for the end.
  ///
  /// - Parameters:
  ///   - counts: The number of elements of each tensor.
  ///   - body: Called with each piece and the index of its tensor.
  /// - Throws: What `body` throws.
  func forEachPiece(
    _ counts: [Int], _ body: (UnsafeMutableBufferPointer<Scalar>, Int) throws -> Void
  ) rethrows {
    let clock = ContinuousClock()
    let start = clock.now
    let bytes = Double(counts.reduce(0, +) * MemoryLayout<Scalar>.stride)
    let rate = max(StateCopy.slowest, bytes / max(progress.withLock { $0.seconds }, 1e-3))
    var done = 0
    for (number, count) in counts.enumerated() {
      let end = done + count
      while done < end {
        let next = min(done + StateCopy.pieceCount, end)
        try body(UnsafeMutableBufferPointer(rebasing: memory.values[done..<next]), number)
        done = next
        let due = Double(done * MemoryLayout<Scalar>.stride) / rate
        while !progress.withLock({ $0.isAwaited }) {
          let early = due - (clock.now - start) / .seconds(1)
          if early <= 0 { break }
          sleepThread(seconds: min(early, 0.05))
        }
      }
    }
  }

  /// Touches the memory on a background thread, so that the system has zeroed its pages before the first copy. Zeroing
  /// takes longer than the copy itself.
  func prepare() {
    run(began: .now, seconds: 4) { [self] in
      forEachPiece([memory.values.count]) { piece, _ in
        for place in stride(from: 0, to: piece.count, by: 4096 / MemoryLayout<Scalar>.stride) {
          piece[place] = 0
        }
      }
      return .none
    }
  }

  /// Runs `write` on a background thread, or on the calling thread if none can be started.
  func start(_ write: @escaping @Sendable () -> Outcome) {
    let now = ContinuousClock.now
    let last = progress.withLock { $0.began }
    let interval = last.map { (now - $0) / .seconds(1) } ?? .infinity
    run(began: now, seconds: min(StateCopy.longest, StateCopy.shareOfInterval * interval), write)
  }

  private func run(
    began: ContinuousClock.Instant, seconds: Double, _ work: @escaping @Sendable () -> Outcome
  ) {
    progress.withLock { $0 = Progress(isRunning: true, began: began, seconds: seconds) }
    let finish: @Sendable () -> Void = { [self] in
      let outcome = work()
      progress.withLock {
        $0.outcome = outcome
        $0.isRunning = false
      }
    }
    let started = startDetachedThread {
      blockSignalsInThread()
      lowerThreadPriority()
      finish()
    }
    // Without threads, the work is done on the calling thread.
    if !started {
      progress.withLock { $0.isAwaited = true }
      finish()
    }
  }
}

extension Checkpoint {
  /// Checks that the file system has room for another checkpoint of `bytes` bytes, in addition to the existing ones.
  ///
  /// - Throws: ``DataError`` with the needed and the free space if there is not enough room.
  func requireRoom(bytes: Int) throws(DataError) {
    var system = statvfs()
    guard statvfs(directory, &system) == 0 else { return }
    let free = Int(clamping: UInt64(system.f_bavail) &* UInt64(system.f_frsize))
    // The names of files and the folder itself take some space too.
    let needed = bytes + (64 << 10)
    if free >= needed { return }
    throw DataError(
      file: directory, expected: "\(Checkpoint.text(needed)) of free space for the next state",
      found: Checkpoint.text(free), advice: "make room, or keep fewer states")
  }

  private static func text(_ bytes: Int) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 32) { text in
      ck_byte_text(Int64(bytes), text.baseAddress)
      return String(cString: text.baseAddress!)
    }
  }
}
