/// Hands out the portions of a batch: each to the worker that asks first; near the end, portions that are still out are
/// handed out again. The first result counts.
package struct PortionQueue {
  private var fresh: Range<Int>
  /// The worker that computes each portion that is out.
  private var out: [Int: [Int]] = [:]
  /// The portions without a result.
  package private(set) var left: Int
  /// The portions that were handed out a second time.
  package private(set) var doubled = 0

  /// Begins with all portions.
  package init(count: Int) { (fresh, left) = (0..<count, count) }

  /// The portion that a worker computes next; nil if there is none for it.
  package mutating func next(for worker: Int) -> Int? {
    if let portion = fresh.first {
      fresh = fresh.dropFirst()
      out[portion] = [worker]
      return portion
    }
    let slow = out.filter { $0.value.count == 1 && $0.value[0] != worker }.keys.min()
    guard let slow else { return nil }
    out[slow]?.append(worker)
    doubled += 1
    return slow
  }

  /// A worker has a result. Returns whether it is the first for its portion.
  package mutating func finish(_ portion: Int) -> Bool {
    guard out.removeValue(forKey: portion) != nil else { return false }
    left -= 1
    return true
  }
}
