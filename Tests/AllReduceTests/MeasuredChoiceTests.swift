import AllReduce
import XCTest

/// How times become choices.
final class MeasuredChoiceTests: XCTestCase {
  private func steps(_ times: [[ReductionAlgorithm: Double]]) -> [AutomaticChoice.Step] {
    MeasuredChoice.steps(
      times.enumerated().map { MeasuredChoice.Size(bytes: 4 << (2 * $0), seconds: $1) })
  }

  func testTheFastestIsTakenAndLimitsLieBetweenSizes() {
    let small: [ReductionAlgorithm: Double] = [.tree: 1, .ring: 2]
    let large: [ReductionAlgorithm: Double] = [.tree: 200, .ring: 100]
    XCTAssertEqual(
      steps([small, small, large, large]),
      [.init(upToBytes: 32, .tree), .init(upToBytes: nil, .ring)])
    XCTAssertEqual(steps([large]), [.init(upToBytes: nil, .ring)])
  }

  func testALittleFasterOnceIsNoise() {
    let ring: [ReductionAlgorithm: Double] = [.tree: 1.10, .ring: 1]
    let noise: [ReductionAlgorithm: Double] = [.tree: 1, .ring: 1.04]
    XCTAssertEqual(steps([ring, noise, ring]), [.init(upToBytes: nil, .ring)])
    // At the end there is one change only, which 4% are worth.
    XCTAssertEqual(steps([ring, noise]).count, 2)
    let less: [ReductionAlgorithm: Double] = [.tree: 1, .ring: 1.02]
    XCTAssertEqual(steps([ring, less]), [.init(upToBytes: nil, .ring)])
    // A little faster often is no noise.
    XCTAssertEqual(steps([ring, less, less]).count, 2)
  }

  func testNothingIsTakenThatIsMuchSlowerOrWasNotMeasured() {
    let ring: [ReductionAlgorithm: Double] = [.tree: 1.10, .ring: 1]
    let tree: [ReductionAlgorithm: Double] = [.tree: 1, .ring: 1.06]
    XCTAssertEqual(steps([ring, tree, ring]).map(\.algorithm), [.ring, .tree, .ring])
    XCTAssertEqual(
      steps([ring, [.tree: 1], ring]).map(\.algorithm), [.ring, .tree, .ring])
  }

  func testSegmentsOfTheirOwnAreAnAlgorithm() {
    let cut = ReductionAlgorithm.ring.segmented(bytes: 1 << 20)
    XCTAssertEqual(
      steps([[.ring: 1, cut: 1.2], [.ring: 1.5, cut: 1]]),
      [.init(upToBytes: 8, .ring), .init(upToBytes: nil, cut)])
  }
}
