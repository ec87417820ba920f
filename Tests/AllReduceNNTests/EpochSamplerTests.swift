import AllReduceNN
import XCTest

final class EpochSamplerTests: XCTestCase {
  private func examples(_ sampler: EpochSampler, epoch: Int, ranks: Int) -> [[[Int]]] {
    (0..<sampler.stepsPerEpoch).map { step in
      (0..<ranks).map { sampler.examples(epoch: epoch, step: step, rank: $0, of: ranks) }
    }
  }

  func testNothingIsDroppedOrDoubledAndBatchesDoNotDependOnRanks() {
    for (count, size) in [(1, 1), (10, 3), (64, 64), (65, 64), (100, 7), (5, 8), (1_797, 128)] {
      let sampler = EpochSampler(count: count, globalBatchSize: size, seed: 3)
      let one = examples(sampler, epoch: 2, ranks: 1).map { $0[0] }
      XCTAssertEqual(one.joined().sorted(), Array(0..<count))
      XCTAssertEqual(one.map(\.count), (0..<one.count).map { sampler.batchSize(step: $0) })
      for ranks in 2...9 {
        let parts = examples(sampler, epoch: 2, ranks: ranks)
        XCTAssertEqual(parts.map { $0.flatMap { $0 } }, one, "\(count), \(size), \(ranks)")
        for step in parts {
          let sizes = step.map(\.count)
          XCTAssertLessThanOrEqual(sizes.max()! - sizes.min()!, 1)
        }
      }
    }
  }

  func testTheLastBatchIsShortAndPartsMayBeEmpty() {
    let sampler = EpochSampler(count: 9, globalBatchSize: 4)
    XCTAssertEqual(sampler.stepsPerEpoch, 3)
    XCTAssertEqual((0..<3).map { sampler.batchSize(step: $0) }, [4, 4, 1])
    XCTAssertEqual(
      (0..<3).map { sampler.examples(epoch: 0, step: 2, rank: $0, of: 3).count }, [1, 0, 0])
    XCTAssertEqual(EpochSampler(count: 0, globalBatchSize: 4).stepsPerEpoch, 0)
  }

  func testOrdersDependOnSeedAndEpoch() {
    func order(_ seed: UInt64, _ epoch: Int) -> [Int] {
      EpochSampler(count: 500, globalBatchSize: 500, seed: seed).examples(epoch: epoch, step: 0)
    }
    XCTAssertEqual(order(1, 0), order(1, 0))
    for other in [order(1, 1), order(2, 0), Array(0..<500)] {
      XCTAssertLessThan(zip(order(1, 0), other).count { $0 == $1 }, 10)
    }
    XCTAssertEqual(
      EpochSampler(count: 6, globalBatchSize: 4, shuffles: false).examples(epoch: 5, step: 1),
      [4, 5])
  }

  func testABatchLargerThanTheData() {
    let data = SyntheticImages(count: 12)
    XCTAssertNoThrow(try EpochSampler(data, globalBatchSize: 12))
    assertDataError("synthetic images", expected: "batch has, 13", found: "12") {
      _ = try EpochSampler(data, globalBatchSize: 13)
    }
  }
}
