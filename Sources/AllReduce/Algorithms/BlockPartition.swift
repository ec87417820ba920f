/// A range of elements or rows cut into contiguous blocks whose sizes differ by one at most.
///
/// The first `count % parts` blocks have one element more. Blocks are empty where there are more
/// parts than elements.
public struct BlockPartition: Sendable, Equatable, RandomAccessCollection {
  /// The number of elements in all blocks.
  package let total: Int
  /// The number of blocks.
  package let parts: Int

  /// Divides `count` elements into `parts` blocks.
  ///
  /// - Precondition: `count >= 0`, `parts >= 1`.
  public init(count: Int, parts: Int) {
    precondition(count >= 0, "The count to divide must not be negative, but is \(count).")
    precondition(parts >= 1, "There must be at least one part, but there are \(parts).")
    total = count
    self.parts = parts
  }

  /// The first index: 0.
  public var startIndex: Int { 0 }
  /// The number of blocks.
  public var endIndex: Int { parts }

  /// The elements of block `index`.
  public subscript(index: Int) -> Range<Int> { start(of: index)..<start(of: index + 1) }

  /// Where block `index` starts; for `parts`, the total.
  package func start(of index: Int) -> Int {
    index * (total / parts) + Swift.min(index, total % parts)
  }

  /// The sizes of all blocks.
  package var counts: [Int] { map(\.count) }
}
