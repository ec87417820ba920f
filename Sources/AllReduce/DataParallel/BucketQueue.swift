internal import AllReduceMPI
internal import AllReduceNN

/// Buckets whose exchange is under way, first in, first out, with their spans in a trace and the rank's time.
///
/// All that a rank does for their exchange it does in ``work(_:)``, between pieces of the passes, or in
/// ``wait(_:)``, when there is nothing else to do.
final class BucketQueue {
  /// Where the time went so far.
  private(set) var times = ExchangeTimes()
  private let communicator: Communicator
  private var pending: PendingQueue
  /// Since when buckets have been under way; nil while none is.
  private var startedAt: ContinuousClock.Instant?
  private var spans: BucketSpans?
  private let clock = ContinuousClock()

  /// Takes memory for so many buckets.
  init(capacity: Int, over communicator: Communicator) {
    self.communicator = communicator
    pending = PendingQueue(capacity: capacity)
  }

  /// Whether none is under way.
  var isEmpty: Bool { pending.isEmpty }

  /// How many have ended for this rank since the last ``reset()``.
  var endedCount: Int { pending.endedCount }

  /// Notes when each bucket was under way; nil for not.
  ///
  /// - Parameters:
  ///   - recorder: What notes it.
  ///   - names: How buckets are called, in the order in which they start.
  func record(_ recorder: SpanRecorder?, _ names: [String]) {
    spans = recorder.map { BucketSpans($0, names) }
  }

  /// Makes room for as many as at first; none is under way.
  func reset() {
    pending.reset()
    startedAt = nil
  }

  /// How many were started since the last ``reset()``.
  var startedCount: Int { pending.startedCount }

  /// Lets go of what is under way, before its memory goes.
  func letGo() { pending.letGo() }

  /// Starts with the next bucket.
  ///
  /// - Parameter exchange: Starts its exchange; nil if somebody else ends that, within a later ``wait(_:)``.
  func start(_ exchange: () throws -> PendingReduction?) rethrows {
    if startedAt == nil { startedAt = clock.now }
    spans?.begin(pending.startedCount)
    if let started = try exchange() { pending.append(started) }
  }

  /// Moves what is under way, if anything is.
  func makeProgress() throws {
    if !isEmpty { try work {} }
  }

  /// Does something for the exchange, then moves what is under way, and lets go of what has ended.
  func work(_ body: () throws -> Void) throws {
    let from = clock.now
    try body()
    let isUnderWay = !isEmpty
    communicator.makeProgress()
    while try pending.endFirstIfComplete() { spans?.end(endedCount - 1) }
    let now = clock.now
    let seconds = (now - from) / .seconds(1)
    times.busySeconds += seconds
    if isUnderWay { times.busyUnderWaySeconds += seconds }
    noteEnd(at: now)
  }

  /// Does something for the exchange that is waiting, such as ``end(first:)``.
  func wait(_ body: () throws -> Void) rethrows {
    let from = clock.now
    if startedAt == nil { startedAt = from }
    try body()
    let now = clock.now
    times.waitSeconds += (now - from) / .seconds(1)
    noteEnd(at: now)
  }

  /// Waits for the first so many since the last ``reset()``, as far as they were started.
  func end(first count: Int = .max) throws {
    while !isEmpty, endedCount < count {
      try pending.waitForFirst()
      spans?.end(endedCount - 1)
    }
  }

  private func noteEnd(at now: ContinuousClock.Instant) {
    guard isEmpty, let start = startedAt else { return }
    times.exchangeSeconds += (now - start) / .seconds(1)
    startedAt = nil
  }
}
