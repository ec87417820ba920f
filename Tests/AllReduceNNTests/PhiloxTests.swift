import AllReduceNN
import XCTest

final class PhiloxTests: XCTestCase {
  /// The answers published with the generator, in Random123's kat_vectors.
  func testKnownAnswers() {
    XCTAssertEqual(
      Philox.encrypt(SIMD4(repeating: 0), key: SIMD2(repeating: 0)),
      SIMD4(0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8))
    XCTAssertEqual(
      Philox.encrypt(SIMD4(repeating: .max), key: SIMD2(repeating: .max)),
      SIMD4(0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd))
    XCTAssertEqual(
      Philox.encrypt(
        SIMD4(0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344),
        key: SIMD2(0xa409_3822, 0x299f_31d0)),
      SIMD4(0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1))
  }

  func testIndexAndStreamAreTheCounterAndSeedIsTheKey() {
    XCTAssertEqual(
      Philox(seed: 0x299f_31d0_a409_3822).block(
        at: 0x85a3_08d3_243f_6a88, stream: 0x0370_7344_1319_8a2e),
      SIMD4(0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1))
  }

  func testUniformNumbersFillTheirRangeEvenly() {
    let generator = Philox(seed: 1)
    let numbers = (0..<20_000).map { generator.uniform(at: $0) }
    XCTAssertTrue(numbers.allSatisfy { $0 >= 0 && $0 < 1 })
    XCTAssertEqual(numbers.reduce(0, +) / 20_000, 0.5, accuracy: 0.01)
    for tenth in 0..<10 {
      XCTAssertEqual(numbers.count { Int($0 * 10) == tenth }, 2_000, accuracy: 200)
    }
  }

  func testGaussianNumbersHaveTheMomentsOfTheirDistribution() {
    let generator = Philox(seed: 2)
    let numbers = (0..<40_000).map { generator.gaussian(at: $0, stream: 5) }
    func moment(_ power: Int) -> Double {
      numbers.reduce(0) { sum, number in
        sum + (0..<power).reduce(1) { product, _ in product * number }
      } / 40_000
    }
    XCTAssertEqual(moment(1), 0, accuracy: 0.02)
    XCTAssertEqual(moment(2), 1, accuracy: 0.03)
    XCTAssertEqual(moment(3), 0, accuracy: 0.06)
    XCTAssertEqual(moment(4), 3, accuracy: 0.15)
  }

  func testPermutationsAreBijections() {
    for count in [0, 1, 2, 3, 7, 63, 64, 65, 442, 5_000] {
      for stream in 0..<3 as Range<UInt64> {
        let order = RandomPermutation(count: count, seed: 9, stream: stream)
        XCTAssertEqual(Set((0..<count).map { order.place(of: $0) }), Set(0..<count))
      }
    }
  }

  func testPermutationsDifferByStreamAndMoveThingsEvenly() {
    let one = RandomPermutation(count: 100, seed: 9, stream: 0)
    let other = RandomPermutation(count: 100, seed: 9, stream: 1)
    XCTAssertLessThan((0..<100).count { one.place(of: $0) == other.place(of: $0) }, 10)
    // Each of seven things stands at each of seven places in about a seventh of all orders.
    var counts = [Int](repeating: 0, count: 49)
    for stream in 0..<7_000 as Range<UInt64> {
      let order = RandomPermutation(count: 7, seed: 3, stream: stream)
      for index in 0..<7 { counts[index * 7 + order.place(of: index)] += 1 }
    }
    for count in counts { XCTAssertEqual(count, 1_000, accuracy: 150) }
  }
}
