import AllReduce
import XCTest

final class BlockPartitionTests: XCTestCase {
  func testBlocksCoverEverythingOnce() {
    for parts in 1...20 {
      for count in 0...50 {
        let blocks = BlockPartition(count: count, parts: parts)
        XCTAssertEqual(blocks.flatMap { $0 }, Array(0..<count))
        XCTAssertEqual(blocks.count, parts)
        let sizes = blocks.counts
        XCTAssertLessThanOrEqual((sizes.max() ?? 0) - (sizes.min() ?? 0), 1)
        XCTAssertEqual(sizes, sizes.sorted(by: >), "the larger blocks come first")
      }
    }
  }

  func testLargeCountsDoNotOverflow() {
    let blocks = BlockPartition(count: Int.max / 2, parts: 3)
    XCTAssertEqual(blocks[2].upperBound, Int.max / 2)
  }
}
