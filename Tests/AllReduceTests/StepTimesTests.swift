import AllReduce
import XCTest

final class StepTimesTests: XCTestCase {
  /// Beyond the number of durations that are kept, a regular part of them stands for all.
  func testTheMedianOfManySteps() {
    var times = StepTimes()
    for _ in 0..<StepTimes.warmUp { times.add(seconds: 1000, examples: 1) }
    XCTAssertNil(times.median)
    for step in 1...99_999 {
      times.add(seconds: Double(step), examples: 2)
      if step == 99 { XCTAssertEqual(times.median, 50) }
    }
    XCTAssertEqual(times.median ?? 0, 50_000, accuracy: 50)
    XCTAssertEqual(times.examplesPerSecond ?? 0, 2 / 50_000, accuracy: 1e-9)
  }
}
