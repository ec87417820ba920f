import AllReduceNN
import XCTest

final class LearningRateTests: XCTestCase {
  private func rates(_ schedule: LearningRateSchedule, _ steps: [Int]) -> [Double] {
    steps.map { schedule.rate(afterSteps: $0) }
  }

  func testConstantAndStepwise() {
    XCTAssertEqual(rates(.constant(0.5), [0, 1, 1_000]), [0.5, 0.5, 0.5])
    XCTAssertEqual(
      rates(.stepwise(8, factor: 0.5, after: [10, 20]), [0, 9, 10, 19, 20, 500]),
      [8, 8, 4, 4, 2, 2])
  }

  func testCosine() {
    let schedule = LearningRateSchedule.cosine(from: 3, to: 1, over: 8)
    for (step, rate) in [(0, 3.0), (4, 2), (8, 1), (9, 1), (2, 2 + 0.5.squareRoot())] {
      XCTAssertEqual(schedule.rate(afterSteps: step), rate, accuracy: 1e-12)
    }
  }

  func testWarmUpGoesStraightToWhatFollows() {
    XCTAssertEqual(
      rates(
        .warmUp(from: 1, over: 4, then: .stepwise(3, factor: 0.1, after: [2])),
        [0, 1, 2, 3, 4, 5]), [1, 1.5, 2, 2.5, 3, 3])
    XCTAssertEqual(
      LearningRateSchedule.warmUp(over: 4, then: .stepwise(3, factor: 0.1, after: [2]))
        .rate(afterSteps: 6), 0.3, accuracy: 1e-12)
    XCTAssertEqual(
      LearningRateSchedule.warmUp(over: 0, then: .constant(2)).rate(afterSteps: 0), 2)
  }

  func testLinearScalingRule() {
    XCTAssertEqual(LearningRateSchedule.scaled(0.1, batchSize: 8_192), 3.2, accuracy: 1e-12)
    XCTAssertEqual(
      LearningRateSchedule.scaled(0.05, batchSize: 64, reference: 128), 0.025, accuracy: 1e-12)
  }

  func testClippingShrinksOnlyWhatIsTooLong() {
    let clipping = GradientClipping(maximumNorm: 2)
    // The mean's norm is a quarter of 12: 3.
    let scale = clipping.scale(sumOfSquares: 144, gradientScale: 0.25)
    XCTAssertEqual(scale!, 0.25 * 2 / 3, accuracy: 1e-15)
    XCTAssertEqual(clipping.scale(sumOfSquares: 64, gradientScale: 0.25), 0.25)
    XCTAssertEqual(clipping.scale(sumOfSquares: 0, gradientScale: 0.25), 0.25)
    XCTAssertNil(clipping.scale(sumOfSquares: .infinity, gradientScale: 0.25))
    XCTAssertNil(clipping.scale(sumOfSquares: .nan, gradientScale: 0.25))
  }
}
