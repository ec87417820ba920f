/// Finds the steps that a step must wait for, from the steps that last wrote and read each part of a buffer.
///
/// The rules are those by which a processor orders accesses to its registers: a step that reads a range waits for the
/// last writer of every part of the range; a step that writes a range waits for the last writers and for all readers
/// since.
struct HazardTracker {
  /// Interval i is `starts[i]..<starts[i + 1]`; the last interval has no end.
  private var starts = [0]
  private var writers: [Int32?] = [nil]
  private var readers: [[Int32]] = [[]]

  /// Notes that `step` reads `range`, and adds the steps that it has to wait for to `dependencies`.
  mutating func read(_ range: Range<Int>, by step: Int32, waitingFor dependencies: inout [Int32]) {
    for interval in intervals(covering: range) {
      if let writer = writers[interval] { dependencies.append(writer) }
      readers[interval].append(step)
    }
  }

  /// Notes that `step` writes `range`, and adds the steps that it has to wait for to `dependencies`.
  mutating func write(_ range: Range<Int>, by step: Int32, waitingFor dependencies: inout [Int32]) {
    for interval in intervals(covering: range) {
      if let writer = writers[interval] { dependencies.append(writer) }
      dependencies += readers[interval]
      writers[interval] = step
      readers[interval].removeAll(keepingCapacity: true)
    }
  }

  private mutating func intervals(covering range: Range<Int>) -> Range<Int> {
    if range.isEmpty { return 0..<0 }
    let first = split(at: range.lowerBound)
    return first..<split(at: range.upperBound)
  }

  /// Makes `position` the start of an interval and returns that interval.
  private mutating func split(at position: Int) -> Int {
    var low = 0
    var high = starts.count
    while low < high {
      let middle = (low + high) / 2
      if starts[middle] < position { low = middle + 1 } else { high = middle }
    }
    if low < starts.count && starts[low] == position { return low }
    starts.insert(position, at: low)
    writers.insert(writers[low - 1], at: low)
    readers.insert(readers[low - 1], at: low)
    return low
  }
}
