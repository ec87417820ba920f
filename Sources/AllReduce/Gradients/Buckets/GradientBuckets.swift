/// The buckets of a gradient's memory, and which of them are complete.
///
/// Buckets are reduced from the front, in the same order on all ranks. What is ready may come in any
/// order: a bucket waits until all that belongs to it, and all buckets in front of it, are complete.
package struct GradientBuckets {
  /// The elements of each bucket; together they cover the memory.
  package let ranges: [Range<Int>]
  /// How many elements of each bucket somebody will report; the rest is room between parameters.
  private let expected: [Int]
  private var missing: [Int]
  private var next = 0

  /// Cuts memory into buckets.
  ///
  /// - Parameters:
  ///   - memory: All elements that are reduced in buckets.
  ///   - parts: The ranges that are reported as they get ready, ascending and within the memory.
  ///   - bucketCount: The largest number of elements of a bucket, rounded up to whole cache lines.
  ///   - perLine: Elements of a cache line.
  package init(_ memory: Range<Int>, parts: [Range<Int>], bucketCount: Int, perLine: Int) {
    let length = max(1, (bucketCount + perLine - 1) / perLine) * perLine
    ranges = stride(from: memory.lowerBound, to: memory.upperBound, by: length).map {
      $0..<min($0 + length, memory.upperBound)
    }
    expected = ranges.map { bucket in
      parts.reduce(0) { $0 + $1.clamped(to: bucket).count }
    }
    missing = expected
  }

  /// Begins a new backward pass.
  package mutating func reset() {
    for index in expected.indices { missing[index] = expected[index] }
    next = 0
  }

  /// Notes that elements are complete.
  package mutating func complete(_ range: Range<Int>) {
    guard let first = ranges.first, !range.isEmpty else { return }
    var index = max(0, (range.lowerBound - first.lowerBound) / first.count)
    while index < ranges.count, ranges[index].lowerBound < range.upperBound {
      missing[index] -= range.clamped(to: ranges[index]).count
      precondition(
        missing[index] >= 0, "elements \(range) of the gradient were reported as ready twice")
      index += 1
    }
  }

  /// The next bucket to reduce, if it is complete.
  package mutating func nextComplete() -> Range<Int>? {
    guard next < ranges.count, missing[next] == 0 else { return nil }
    next += 1
    return ranges[next - 1]
  }

  /// The next bucket to reduce, complete or not.
  package mutating func nextLeft() -> Range<Int>? {
    guard next < ranges.count else { return nil }
    next += 1
    return ranges[next - 1]
  }
}
