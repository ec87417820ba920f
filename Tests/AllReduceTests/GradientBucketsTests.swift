import AllReduce
import XCTest

final class GradientBucketsTests: XCTestCase {
  func testBucketsCoverTheMemoryAndEndAtCacheLines() {
    let buckets = GradientBuckets(0..<1000, parts: [16..<1000], bucketCount: 100, perLine: 16)
    XCTAssertEqual(buckets.ranges.first, 0..<112)
    XCTAssertEqual(buckets.ranges.last, 896..<1000)
    for (left, right) in zip(buckets.ranges, buckets.ranges.dropFirst()) {
      XCTAssertEqual(left.upperBound, right.lowerBound)
      XCTAssertEqual(left.count, 112)
    }
  }

  func testABucketWaitsForAllOfItAndForThoseInFront() {
    // Room between 40 and 48 belongs to no parameter and is not waited for.
    var buckets = GradientBuckets(0..<96, parts: [16..<40, 48..<96], bucketCount: 32, perLine: 16)
    for _ in 0..<2 {
      buckets.reset()
      XCTAssertNil(buckets.nextComplete())
      buckets.complete(48..<96)
      XCTAssertNil(buckets.nextComplete())
      buckets.complete(30..<40)
      XCTAssertNil(buckets.nextComplete())
      buckets.complete(16..<30)
      XCTAssertEqual(buckets.nextComplete(), 0..<32)
      XCTAssertEqual(buckets.nextComplete(), 32..<64)
      XCTAssertEqual(buckets.nextLeft(), 64..<96)
      XCTAssertNil(buckets.nextLeft())
    }
  }

  func testOneBucketOfEverything() {
    var buckets = GradientBuckets(8..<9, parts: [8..<9], bucketCount: 1 << 20, perLine: 8)
    buckets.complete(8..<9)
    XCTAssertEqual(buckets.nextComplete(), 8..<9)
  }
}

final class ChecksumTests: XCTestCase {
  func testEveryBitCounts() {
    var values = (0..<37).map { Float($0) }
    let first = values.withUnsafeBytes { Checksum.of($0) }
    XCTAssertEqual(values.withUnsafeBytes { Checksum.of($0) }, first)
    var seen: Set<UInt64> = [first]
    for index in values.indices {
      let kept = values[index]
      values[index] = Float(bitPattern: kept.bitPattern ^ 1)
      seen.insert(values.withUnsafeBytes { Checksum.of($0) })
      values[index] = kept
    }
    values.swapAt(3, 19)
    seen.insert(values.withUnsafeBytes { Checksum.of($0) })
    XCTAssertEqual(seen.count, 39)
  }

  func testTheTextHasSixteenDigits() {
    XCTAssertEqual(Checksum.text(0xAB), "00000000000000ab")
  }
}
