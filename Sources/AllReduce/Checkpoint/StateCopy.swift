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
    /// Whether someone waits for the end.
    var isAwaited = false
    /// When it began, or when the memory was prepared; nil before.
    var began: ContinuousClock.Instant?
    /// How many seconds it may take.
    var seconds = 0.0
    var outcome = Outcome.none
  }

  /// How fast a state is written: bytes a second at least, and seconds at most. Where ranks use all cores, all of them
  /// wait for the rank whose core the writing uses; so it uses a small part of the core, and takes longer.
  private static var slowest: Double { 40e6 }
  private static var longest: Double { 25 }
  /// The part of the time from one writing to the next that one may take.
  private static var shareOfInterval: Double { 0.7 }
  /// Elements that are written at once.
  private static var pieceCount: Int { 1 << 20 }

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
    progress.withLock { $0.isAwaited = true }
    while isRunning { sleepThread(seconds: 0.001) }
  }

  /// Gives the copy piece by piece, so slowly that the training hardly notices; without rest once someone waits.
  ///
  /// - Parameters:
  ///   - counts: The elements of each tensor.
  ///   - body: Called with each piece, and the number of its tensor.
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

  /// Touches the memory on a thread of its own, so that the system has cleared its pages before the first copy. That
  /// takes longer than the copy.
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

  /// Begins to write on a thread of its own.
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
    // Without threads it is done here.
    if !started {
      progress.withLock { $0.isAwaited = true }
      finish()
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
