/// A first-in, first-out queue of reductions under way, in memory that is allocated once.
///
/// A reduction that is under way cannot be copied, so arrays cannot hold it.
struct PendingQueue: ~Copyable {
  private let memory: UnsafeMutablePointer<PendingReduction>
  private let capacity: Int
  private var first = 0
  private var end = 0

  init(capacity: Int) {
    self.capacity = capacity
    memory = .allocate(capacity: max(capacity, 1))
  }

  deinit {
    (memory + first).deinitialize(count: end - first)
    memory.deallocate()
  }

  /// Whether no reduction is under way.
  var isEmpty: Bool { first == end }

  mutating func append(_ pending: consuming PendingReduction) {
    precondition(end < capacity, "there is room for \(capacity) reductions, and no more")
    (memory + end).initialize(to: pending)
    end += 1
  }

  /// The number of reductions started since the last ``reset()``.
  var startedCount: Int { end }

  /// The number of reductions that have ended or were waited for since the last ``reset()``.
  var endedCount: Int { first }

  /// Releases all reductions under way; each release waits for a second at most (``PendingReduction``).
  mutating func letGo() {
    (memory + first).deinitialize(count: end - first)
    (first, end) = (0, 0)
  }

  /// Waits for the oldest reduction under way, and removes it.
  mutating func waitForFirst() throws {
    precondition(first < end, "no reduction is under way")
    first += 1
    try (memory + first - 1).move().wait()
  }

  /// Waits for all reductions under way, and makes room for `capacity` reductions again.
  mutating func waitForAll() throws {
    while !isEmpty { try waitForFirst() }
    reset()
  }

  /// Releases the oldest reduction if it has ended, and returns whether it has; does not advance any reduction.
  mutating func releaseFirstIfEnded() throws -> Bool {
    guard first < end, memory[first].hasEnded else { return false }
    try waitForFirst()
    return true
  }

  /// Makes room for `capacity` reductions again. No reduction may be under way.
  mutating func reset() {
    precondition(isEmpty, "\(end - first) reductions are under way")
    (first, end) = (0, 0)
  }
}
