import AllReduce
import Foundation
import XCTest

/// Requests to write a checkpoint or to stop.
final class RunRequestsTests: XCTestCase {
  func testAFileSaveWaitsForTheCheckpointBefore() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "requests-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let save = folder.appendingPathComponent("save").path
    let stop = folder.appendingPathComponent("stop").path
    var (isDue, isWriting) = (false, true)
    let requests = RunRequests(
      folder: folder.path, isDue: { _ in isDue }, isWriting: { isWriting })
    var now = ContinuousClock.now
    func next() -> StepRequest {
      now += .seconds(1)
      return requests.now(now)
    }
    XCTAssertEqual(next(), .none)
    XCTAssertTrue(FileManager.default.createFile(atPath: save, contents: nil))
    XCTAssertEqual(next(), .none)
    // If the job is killed now, the next attempt finds the file.
    XCTAssertTrue(FileManager.default.fileExists(atPath: save))
    isWriting = false
    XCTAssertEqual(next(), .save)
    XCTAssertFalse(FileManager.default.fileExists(atPath: save))
    requests.didSave()
    XCTAssertEqual(next(), .none)
    // The same for a checkpoint that is due by itself, but not for the end.
    (isDue, isWriting) = (true, true)
    XCTAssertEqual(next(), .none)
    isWriting = false
    XCTAssertEqual(next(), .save)
    isWriting = true
    XCTAssertTrue(FileManager.default.createFile(atPath: stop, contents: nil))
    XCTAssertEqual(next(), .stop)
  }
}
