import TestSupport
import XCTest

/// Tests of programs, which do not run inside a job.
class ProgramTestCase: XCTestCase {
  override func setUpWithError() throws {
    try XCTSkipIf(ProgramRunner.isInsideJob, "a rank of a job cannot start another job")
  }
}
