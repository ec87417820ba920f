import CKernels
import XCTest

/// Copies by stores past the caches.
final class StreamTests: XCTestCase {
  func testCopiesEveryByteAndNoOther() {
    let source = (0..<1_000).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 1) }
    for start in [0, 1, 5, 63, 64, 65] {
      for count in [0, 1, 15, 16, 63, 64, 65, 127, 128, 200, 900] {
        for offset in [0, 4, 7] {
          var target = [UInt8](repeating: 0, count: 1_100)
          target.withUnsafeMutableBytes { target in
            source.withUnsafeBytes {
              ck_stream(target.baseAddress! + start, $0.baseAddress! + offset, count)
              ck_end_streams()
            }
          }
          let expected =
            [UInt8](repeating: 0, count: start) + source[offset..<offset + count]
            + [UInt8](repeating: 0, count: target.count - start - count)
          XCTAssertEqual(target, expected, "\(count) bytes from \(offset) to \(start)")
        }
      }
    }
  }
}
