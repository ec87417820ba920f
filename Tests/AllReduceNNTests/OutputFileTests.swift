import AllReduceNN
import Foundation
import XCTest

/// Files that are replaced, and what is written through.
final class OutputFileTests: XCTestCase {
  private var folder: TemporaryFolder!
  private var path: String { folder.path + "/out" }
  private var aside: String { folder.path + "/.out.new" }

  override func setUpWithError() throws { folder = try TemporaryFolder() }

  private func text(_ path: String) -> String? {
    try? String(contentsOfFile: path, encoding: .utf8)
  }

  private func write(_ text: String, to path: String) throws {
    let file = try OutputFile(path: path)
    try file.write(text)
    try file.finish()
  }

  private func status(_ path: String) -> stat {
    var status = stat()
    XCTAssertEqual(lstat(path, &status), 0, path)
    return status
  }

  func testAFileIsReplacedWhole() throws {
    try folder.write("out", Array("old".utf8))
    chmod(path, 0o600)
    let before = status(path).st_ino
    let file = try OutputFile(path: path)
    try file.write("new, ")
    try file.write("all of it")
    XCTAssertEqual(text(path), "old")
    try Array("NEW".utf8).withUnsafeBytes { try file.replaceStart($0) }
    try file.finish()
    XCTAssertEqual(text(path), "NEW, all of it")
    XCTAssertNotEqual(status(path).st_ino, before)
    XCTAssertEqual(status(path).st_mode & 0o777, 0o600)
    XCTAssertFalse(FileManager.default.fileExists(atPath: aside))
  }

  func testWhatIsFlushedBehindIsThere() throws {
    let file = try OutputFile(path: path)
    var whole: [UInt8] = []
    // Below, at, and above what is flushed at once, and not a whole number of pages.
    for count in [100, 4 << 20, 1, 9 << 20, 5_000_001, 4095, 4_194_305, 77] {
      let piece = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ whole.count) }
      try piece.withUnsafeBytes { try file.write($0) }
      try file.flushBehind()
      whole += piece
    }
    let start: [UInt8] = [9, 8, 7]
    try start.withUnsafeBytes { try file.replaceStart($0) }
    whole.replaceSubrange(0..<3, with: start)
    try file.flushBehind()
    try file.finish()
    XCTAssertEqual(try Data(contentsOf: URL(fileURLWithPath: path)), Data(whole))
  }

  func testWhatIsNotFinishedLeavesNothing() throws {
    try folder.write("out", Array("old".utf8))
    var file: OutputFile? = try OutputFile(path: path)
    try file?.write("new")
    file = nil
    XCTAssertEqual(text(path), "old")
    XCTAssertEqual(try FileManager.default.contentsOfDirectory(atPath: folder.path), ["out"])
  }

  func testWhatIsPublishedGrows() throws {
    let file = try OutputFile(path: path)
    try file.write("a")
    try file.publish()
    try file.write("b")
    XCTAssertEqual(text(path), "ab")
    try file.finish()
    XCTAssertEqual(text(path), "ab")
  }

  func testLinksThatUsersNameAreFollowed() throws {
    try FileManager.default.createDirectory(
      atPath: folder.path + "/there", withIntermediateDirectories: false)
    // To a file, and to one that is not there yet, by way of another link.
    for target in ["there/old", "there/none"] {
      if target == "there/old" { try folder.write(target, Array("old".utf8)) }
      unlink(path)
      unlink(folder.path + "/second")
      symlink(target, folder.path + "/second")
      symlink(folder.path + "/second", path)
      try write(target, to: path)
      XCTAssertEqual(text("\(folder.path)/\(target)"), target)
      XCTAssertEqual(status(path).st_mode & S_IFMT, S_IFLNK)
      XCTAssertEqual(status("\(folder.path)/\(target)").st_mode & S_IFMT, S_IFREG)
    }
    unlink(path)
    symlink("out", path)
    assertDataError(path, expected: "written", found: "symbolic links") {
      try write("x", to: path)
    }
  }

  func testTheLibrarysOwnFileReplacesALink() throws {
    try folder.write("victim", Array("precious".utf8))
    symlink("victim", path)
    let file = try OutputFile(path: path, .own)
    try file.write("new")
    try file.finish()
    XCTAssertEqual(text(folder.path + "/victim"), "precious")
    XCTAssertEqual(text(path), "new")
    XCTAssertEqual(status(path).st_mode & S_IFMT, S_IFREG)
  }

  func testWhatStandsInTheWayAsideIsRemovedAndNotWrittenTo() throws {
    try folder.write("victim", Array("precious".utf8))
    for make in [
      { symlink(self.folder.path + "/victim", self.aside) },
      { link(self.folder.path + "/victim", self.aside) },
      { mkfifo(self.aside, 0o600) },
      { FileManager.default.createFile(atPath: self.aside, contents: Data("half".utf8)) ? 0 : 1 },
    ] {
      XCTAssertEqual(make(), 0)
      try write("new", to: path)
      XCTAssertEqual(text(path), "new")
      XCTAssertEqual(text(folder.path + "/victim"), "precious")
      XCTAssertFalse(FileManager.default.fileExists(atPath: aside))
    }
  }

  func testTwoWritersDoNotMix() throws {
    let first = try OutputFile(path: path)
    try first.write("first")
    assertDataError(path, expected: "no other process", found: "one that does") {
      _ = try OutputFile(path: path)
    }
    try first.finish()
    try write("second", to: path)
    XCTAssertEqual(text(path), "second")
  }

  func testAPipeIsWrittenThrough() throws {
    XCTAssertEqual(mkfifo(path, 0o600), 0)
    let reader = open(path, O_RDONLY | O_NONBLOCK)
    defer { close(reader) }
    try write("through", to: path)
    var bytes = [UInt8](repeating: 0, count: 20)
    XCTAssertEqual(read(reader, &bytes, 20), 7)
    XCTAssertEqual(String(decoding: bytes[..<7], as: UTF8.self), "through")
    XCTAssertEqual(status(path).st_mode & S_IFMT, S_IFIFO)
  }

  /// A device of its own: a mistake here must not replace the system's.
  private func makeDevice(minor: UInt64) throws {
    guard mknod(path, S_IFCHR | 0o666, dev_t(1 << 8 | minor)) == 0, open(path, O_WRONLY) >= 0 else {
      throw XCTSkip("devices can be made here by root only, and not in every container")
    }
  }

  func testADeviceIsWrittenThrough() throws {
    try makeDevice(minor: 3)
    try write("nothing", to: path)
    XCTAssertEqual(status(path).st_mode & S_IFMT, S_IFCHR)
  }

  func testAFullDeviceIsAnError() throws {
    try makeDevice(minor: 7)
    XCTAssertThrowsError(try write("x", to: path)) { error in
      XCTAssertTrue(error is OutputError, "\(error)")
      XCTAssertTrue("\(error)".contains(path), "\(error)")
      XCTAssertTrue("\(error)".contains("No space left"), "\(error)")
    }
  }

  func testWhatCannotBeWritten() {
    assertDataError(folder.path, expected: "written", found: "Is a directory") {
      _ = try OutputFile(path: folder.path)
    }
    assertDataError(path + "/in", expected: "written", found: "No such file") {
      _ = try OutputFile(path: path + "/in")
    }
  }
}
