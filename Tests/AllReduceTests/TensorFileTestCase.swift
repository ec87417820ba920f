import Foundation
import XCTest

/// Tests of a safetensors file, removed after each test.
class TensorFileTestCase: XCTestCase {
  private(set) var path = ""

  override func setUp() {
    path =
      FileManager.default.temporaryDirectory
      .appendingPathComponent("allreduce-\(UUID().uuidString).safetensors").path
  }

  override func tearDown() { try? FileManager.default.removeItem(atPath: path) }

  /// A file of a header and the bytes after it.
  func file(_ header: String, _ bytes: [UInt8]) -> [UInt8] {
    let json = Array(header.utf8)
    return (0..<8).map { UInt8(truncatingIfNeeded: json.count >> (8 * $0)) } + json + bytes
  }
}
