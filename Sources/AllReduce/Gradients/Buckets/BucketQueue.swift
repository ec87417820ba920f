internal import AllReduceMPI
internal import AllReduceNN

/// Buckets whose exchange is under way, first in, first out, with their spans in a trace.
///
/// All that a rank does for their exchange it does in ``work(_:)``, between pieces of the passes, or in
/// ``wait(_:)``, when there is nothing else to do.
final class BucketQueue {
  private let communicator: Communicator
  private let clock: ExchangeClock
  private var pending: PendingQueue
  private var spans: BucketSpans?

  /// Allocates room for `capacity` buckets.
  init(capacity: Int, over communicator: Communicator, _ clock: ExchangeClock) {
    self.communicator = communicator
    self.clock = clock
    pending = PendingQueue(capacity: capacity)
  }

  /// Whether none is under way.
  var isEmpty: Bool { pending.isEmpty }

  /// How many were started since the last ``reset()``.
  var startedCount: Int { pending.startedCount }

  /// How many have ended for this rank since the last ``reset()``.
  var endedCount: Int { pending.endedCount }

  /// Notes when each bucket was under way; nil for not.
  ///
  /// - Parameters:
  ///   - recorder: The recorder of their spans.
  ///   - names: How buckets are called, in the order in which they start.
  func record(_ recorder: SpanRecorder?, _ names: [String]) {
    spans = recorder.map { BucketSpans($0, names) }
  }

  /// Makes room for as many as at first; none is under way.
  func reset() { pending.reset() }

  /// Releases what is under way, before its memory is freed.
  func letGo() {
    clock.letGo(pending.startedCount - pending.endedCount)
    pending.letGo()
  }

  /// Starts with the next bucket.
  ///
  /// - Parameter exchange: Starts its exchange; nil if somebody else ends that, within a later ``wait(_:)``.
  func start(_ exchange: () throws -> PendingReduction?) rethrows {
    spans?.begin(pending.startedCount)
    guard let started = try exchange() else { return }
    pending.append(started)
    clock.start()
  }

  /// Moves what is under way, if anything is.
  func makeProgress() throws {
    if !isEmpty { try work {} }
  }

  /// Does something for the exchange, then moves what is under way, and releases what has ended.
  func work(_ body: () throws -> Void) throws {
    try clock.working {
      try body()
      communicator.makeProgress()
      while try pending.releaseFirstIfEnded() { noteEnd() }
    }
  }

  /// Does something for the exchange that is waiting, such as ``end(first:)``.
  func wait(_ body: () throws -> Void) rethrows { try clock.waiting(body) }

  /// Waits for the first of them, this many, since the last ``reset()``, as far as they were started.
  func end(first count: Int = .max) throws {
    while !isEmpty, endedCount < count {
      try pending.waitForFirst()
      noteEnd()
    }
  }

  private func noteEnd() {
    clock.end()
    spans?.end(endedCount - 1)
  }
}
