/// Assigns the portions of a batch to workers, each portion to the first worker that asks. When all have been assigned,
/// portions without a result are assigned a second time. The first result counts.
package struct PortionQueue {
  private var fresh: Range<Int>
  /// For each portion that is assigned and has no result yet, the workers that compute it.
  private var out: [Int: [Int]] = [:]
  /// The number of portions without a result.
  package private(set) var left: Int
  /// The number of portions that were assigned a second time.
  package private(set) var doubled = 0

  /// Creates a queue of `count` portions, none of them assigned.
  package init(count: Int) { (fresh, left) = (0..<count, count) }

  /// Assigns a worker its next portion and returns the portion's number; nil if there is none for this worker.
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

  /// Records a result for a portion. Returns whether it is the first result for that portion.
  package mutating func finish(_ portion: Int) -> Bool {
    guard out.removeValue(forKey: portion) != nil else { return false }
    left -= 1
    return true
  }
}
