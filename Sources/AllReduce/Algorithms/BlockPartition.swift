/// A range of elements or rows, divided into contiguous blocks whose sizes differ by at most one.
///
/// The first `count % parts` blocks have one element more than the others. If there are fewer elements than blocks, the
/// last blocks are empty.
public struct BlockPartition: Sendable, Equatable, RandomAccessCollection {
  /// The total number of elements, over all blocks.
  package let total: Int
  /// The number of blocks.
  package let parts: Int

  /// Divides `count` elements into `parts` contiguous blocks.
  ///
  /// - Precondition: `count >= 0`, `parts >= 1`.
  public init(count: Int, parts: Int) {
    precondition(count >= 0, "The count to divide must not be negative, but is \(count).")
    precondition(parts >= 1, "There must be at least one part, but there are \(parts).")
    total = count
    self.parts = parts
  }

  /// The index of the first block: 0.
  public var startIndex: Int { 0 }
  /// The index after the last block: the number of blocks.
  public var endIndex: Int { parts }

  /// The range of the elements in block `index`.
  public subscript(index: Int) -> Range<Int> { start(of: index)..<start(of: index + 1) }

  /// Returns the index of the first element of block `index`; for `index == parts`, the total number of elements.
  package func start(of index: Int) -> Int {
    index * (total / parts) + Swift.min(index, total % parts)
  }

  /// The number of elements in each block.
  package var counts: [Int] { map(\.count) }
}
