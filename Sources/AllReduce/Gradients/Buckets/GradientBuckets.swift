/// The buckets of a gradient's memory, and which of them are complete.
///
/// Buckets are reduced from the front, in the same order on all ranks. Elements may become ready in any order: a bucket
/// waits until all of its elements, and all buckets in front of it, are complete.
package struct GradientBuckets {
  /// The range of elements of each bucket; together they cover the memory.
  package let ranges: [Range<Int>]
  /// The number of elements of each bucket that will be reported as complete; the others lie between parameters.
  private let expected: [Int]
  private var missing: [Int]
  private var next = 0

  /// Creates buckets that divide a range of memory.
  ///
  /// - Parameters:
  ///   - memory: All elements that are reduced in buckets.
  ///   - parts: The ranges that are reported as they become ready, ascending and within the memory.
  ///   - bucketCount: The largest number of elements of a bucket, rounded up to whole cache lines.
  ///   - perLine: The number of elements of a cache line.
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

  /// Begins a new backward pass, in which no element is complete yet.
  package mutating func reset() {
    for index in expected.indices { missing[index] = expected[index] }
    next = 0
  }

  /// Notes that a range of elements is complete. An element must not be reported twice in a backward pass.
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

  /// Returns the next bucket to reduce and advances past it; nil if the bucket is not complete, or none is left.
  package mutating func nextComplete() -> Range<Int>? {
    guard next < ranges.count, missing[next] == 0 else { return nil }
    next += 1
    return ranges[next - 1]
  }

  /// Returns the next bucket to reduce, complete or not, and advances past it; nil if none is left.
  package mutating func nextLeft() -> Range<Int>? {
    guard next < ranges.count else { return nil }
    next += 1
    return ranges[next - 1]
  }
}
