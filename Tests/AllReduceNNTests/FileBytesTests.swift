import AllReduceNN
import Foundation
import XCTest

/// What is read in parts or more than once has to be a regular file, and fit memory.
final class FileBytesTests: XCTestCase {
  private var folder: TemporaryFolder!
  private var path: String { folder.path + "/in" }

  override func setUpWithError() throws { folder = try TemporaryFolder() }

  /// A pipe without a writer: opening it to read would block.
  func testAPipeIsRefusedWhereSeveralRead() throws {
    XCTAssertEqual(mkfifo(path, 0o600), 0)
    for read in [
      { _ = try NumericTable(csv: self.path, part: 0, of: 2) },
      { _ = try TrainingData(csv: self.path, target: "y") },
      { _ = try TrainingData(digits: self.path) },
      { _ = try FileBytes(path: self.path) },
    ] {
      assertDataError(path, expected: "a regular file", found: "a pipe") { try read() }
    }
  }

  func testAPipeIsReadWhereOneReads() throws {
    XCTAssertEqual(mkfifo(path, 0o600), 0)
    let text = "a,b\n1,2\n"
    let writer = open(path, O_RDWR)
    XCTAssertEqual(write(writer, text, text.utf8.count), text.utf8.count)
    // The reader has come when the pipe is empty; it sees the end when the last writer has closed.
    let closing = Thread {
      var left: Int32 = 1
      while left > 0, ioctl(writer, UInt(FIONREAD), &left) == 0 {}
      close(writer)
    }
    closing.start()
    XCTAssertEqual(try NumericTable(csv: path).values.elements, [1, 2])
  }

  /// A few hundred KB that unpack to 600 MB, where there are addresses for half of it.
  func testWhatUnpacksToMoreThanThereIs() throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", "head -c 1048576 /dev/zero | gzip -9 > \"$0\"", path]
    try process.run()
    process.waitUntilExit()
    let member = try Data(contentsOf: URL(fileURLWithPath: path))
    var all = Data()
    for _ in 0..<600 { all += member }
    try all.write(to: URL(fileURLWithPath: path))

    let pages = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
      .split(separator: " ").first.flatMap { Int($0) }
    let used = try XCTUnwrap(pages) * sysconf(Int32(_SC_PAGESIZE))
    var before = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &before)
    var limit = before
    limit.rlim_cur = rlim_t(used + (300 << 20))
    setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
    defer { setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &before) }
    assertDataError(path, expected: "than fits into memory", found: "more than") {
      _ = try FileBytes(path: path)
    }
  }
}
