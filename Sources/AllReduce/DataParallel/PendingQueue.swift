/// Reductions under way, first in, first out, in memory that is taken once.
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

  /// Whether none is under way.
  var isEmpty: Bool { first == end }

  mutating func append(_ pending: consuming PendingReduction) {
    precondition(end < capacity, "there is room for \(capacity) reductions, and no more")
    (memory + end).initialize(to: pending)
    end += 1
  }

  /// Waits for all, in the order in which they were started.
  mutating func waitForAll() throws {
    while first < end {
      first += 1
      try (memory + first - 1).move().wait()
    }
    (first, end) = (0, 0)
  }
}
