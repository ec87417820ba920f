internal import AllReduceMPI
internal import AllReduceNN

/// A first-in, first-out queue of buckets whose exchange is under way, with their spans in a trace.
///
/// A rank works on these exchanges only in ``work(_:)``, between pieces of the passes, and in ``wait(_:)``, when it has
/// nothing else to do.
final class BucketQueue {
  private let communicator: Communicator
  private let clock: ExchangeClock
  private var pending: PendingQueue
  private var spans: BucketSpans?

  /// Creates an empty queue with room for `capacity` buckets.
  init(capacity: Int, over communicator: Communicator, _ clock: ExchangeClock) {
    self.communicator = communicator
    self.clock = clock
    pending = PendingQueue(capacity: capacity)
  }

  /// Whether no bucket is under way.
  var isEmpty: Bool { pending.isEmpty }

  /// The number of buckets whose exchange was started since the last ``reset()``.
  var startedCount: Int { pending.startedCount }

  /// The number of buckets whose exchange has ended on this rank since the last ``reset()``.
  var endedCount: Int { pending.endedCount }

  /// Records in a trace when each bucket was under way.
  ///
  /// - Parameters:
  ///   - recorder: The recorder of the buckets' spans; nil to record none.
  ///   - names: The names of the buckets, in the order in which they start.
  func record(_ recorder: SpanRecorder?, _ names: [String]) {
    spans = recorder.map { BucketSpans($0, names) }
  }

  /// Empties the queue, so that it has room for `capacity` buckets again. No bucket may be under way.
  func reset() { pending.reset() }

  /// Releases the exchanges under way, before their memory is freed.
  func letGo() {
    clock.letGo(pending.startedCount - pending.endedCount)
    pending.letGo()
  }

  /// Starts the exchange of the next bucket.
  ///
  /// - Parameter exchange: Starts the exchange and returns it; nil if the caller completes it within a later
  ///   ``wait(_:)``.
  func start(_ exchange: () throws -> PendingReduction?) rethrows {
    spans?.begin(pending.startedCount)
    guard let started = try exchange() else { return }
    pending.append(started)
    clock.start()
  }

  /// Advances the exchanges under way, if there are any.
  func makeProgress() throws {
    if !isEmpty { try work {} }
  }

  /// Runs `body`, which works on an exchange, then advances the exchanges under way and releases those that have ended.
  func work(_ body: () throws -> Void) throws {
    try clock.working {
      try body()
      communicator.makeProgress()
      while try pending.releaseFirstIfEnded() { noteEnd() }
    }
  }

  /// Runs `body`, which waits for exchanges, such as by ``end(first:)``.
  func wait(_ body: () throws -> Void) rethrows { try clock.waiting(body) }

  /// Waits for the first `count` buckets that were started since the last ``reset()``, or for all if fewer were
  /// started.
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
