import AllReduceNN
import Foundation
import XCTest

/// A folder that goes away with its last user.
final class TemporaryFolder {
  let path: String

  init() throws {
    path =
      FileManager.default.temporaryDirectory
      .appendingPathComponent("allreduce-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Writes a file, and returns its path.
  @discardableResult
  func write(_ name: String, _ bytes: [UInt8]) throws -> String {
    let file = "\(path)/\(name)"
    try Data(bytes).write(to: URL(fileURLWithPath: file))
    return file
  }
}

/// Fails unless `body` throws a ``DataError`` about a file with these words in it.
func assertDataError(
  _ file: String, expected: String, found: String, at line: UInt = #line, _ body: () throws -> Void
) {
  XCTAssertThrowsError(try body(), line: line) { error in
    guard let error = error as? DataError else { return XCTFail("\(error)", line: line) }
    XCTAssertEqual(error.file, file, line: line)
    XCTAssertTrue(error.expected.contains(expected), "\(error)", line: line)
    XCTAssertTrue(error.found.contains(found), "\(error)", line: line)
    XCTAssertFalse(error.description.contains("\n"), line: line)
  }
}

/// The bytes of a text in base 64.
func bytes(base64 text: String) -> [UInt8] { Array(Data(base64Encoded: text)!) }
