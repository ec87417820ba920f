import Foundation
import TestSupport
import XCTest

/// Tests of runs that keep their state, in a folder that each test has for itself.
class KeptRunTestCase: ProgramTestCase {
  private(set) var folder = ""

  override func setUpWithError() throws {
    try super.setUpWithError()
    folder =
      FileManager.default.temporaryDirectory
      .appendingPathComponent("allreduce-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  }

  override func tearDown() {
    try? FileManager.default.removeItem(atPath: folder)
    super.tearDown()
  }

  /// The losses of all steps in a log of metrics.
  func losses(_ log: String) throws -> [Double] {
    try MetricsLine.all(in: log).compactMap(\.loss)
  }

  /// Starts a process that says nothing, and returns once it has kept its state in a file, or has ended.
  func start(_ process: Process, untilThereIs file: String) throws {
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    let end = Date() + 60
    while !FileManager.default.fileExists(atPath: file), process.isRunning, Date() < end {
      usleep(500)
    }
  }
}
