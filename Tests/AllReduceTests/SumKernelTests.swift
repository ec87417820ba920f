import CKernels
import XCTest

/// The sums in C: the same bits in every variant, and on both sides of an exchange.
final class SumKernelTests: XCTestCase {
  private let counts = [0, 1, 3, 4, 7, 8, 15, 16, 17, 31, 33, 64, 100]

  /// Numbers of every kind, so that a loop that skips or repeats one is seen.
  private func numbers<Scalar: BinaryFloatingPoint>(_ count: Int, _ side: Int) -> [Scalar] {
    let special: [Scalar] = [
      .nan, .infinity, -.infinity, 0, -0.0, .leastNonzeroMagnitude, .greatestFiniteMagnitude,
      -.greatestFiniteMagnitude,
    ]
    return (0..<count).map { index in
      index % 5 == side ? special[(index * 3 + side) % 8] : Scalar(index * 7 % 31 - 11 * side) / 3
    }
  }

  private func run<Scalar: BinaryFloatingPoint>(
    _ one: [Scalar], _ other: [Scalar],
    _ loop: (UnsafeMutableRawPointer?, UnsafeMutableRawPointer?, Int) -> Void
  ) -> (one: [Scalar], other: [Scalar]) {
    var (one, other) = (one, other)
    let count = one.count
    one.withUnsafeMutableBytes { one in
      other.withUnsafeMutableBytes { loop(one.baseAddress, $0.baseAddress, count) }
    }
    return (one, other)
  }

  private func check<Scalar: BinaryFloatingPoint>(_ type: Scalar.Type, _ number: Int32) {
    for variant in [CK_SCALAR, CK_AVX2, CK_AVX512].map({ Int32($0) }) {
      guard let kernels = ck_sum_variant(number, variant)?.pointee else { continue }
      for count in counts {
        let (a, b): ([Scalar], [Scalar]) = (numbers(count, 0), numbers(count, 1))
        let name = "\(type), variant \(variant), \(count) elements"
        let sums = zip(a, b).map { $0 + $1 }
        let added = run(a, b) { kernels.add($0, $1, $2) }
        XCTAssertTrue(same(added.one, sums) && same(added.other, b), name)
        let both = run(a, b) { kernels.add_both($0, $1, $2) }
        XCTAssertTrue(same(both.one, sums) && same(both.other, sums), name)
        let means = run(a, b) { kernels.average_both($0, $1, $2) }
        XCTAssertTrue(same(means.one, sums.map { $0 / 2 }) && same(means.other, means.one), name)
        let left = run(a, b) { kernels.add_symmetrically($0, $1, $2) }.one
        let right = run(b, a) { kernels.add_symmetrically($0, $1, $2) }.one
        XCTAssertTrue(same(left, sums), name)
        XCTAssertTrue(
          zip(left, right).allSatisfy { "\($0.isNaN ? .nan : $0)" == "\($1.isNaN ? .nan : $1)" },
          name)
        XCTAssertTrue(left.allSatisfy { !$0.isNaN || $0.sign == .plus }, name)
      }
    }
    XCTAssertNotNil(ck_sum_variant(number, Int32(CK_SCALAR)))
  }

  /// Equal numbers, signs of zeros too, or NaNs on both sides.
  private func same<Scalar: BinaryFloatingPoint>(_ left: [Scalar], _ right: [Scalar]) -> Bool {
    left.count == right.count
      && zip(left, right).allSatisfy { ($0 == $1 && $0.sign == $1.sign) || ($0.isNaN && $1.isNaN) }
  }

  func testFloat() { check(Float.self, Int32(CK_FLOAT)) }
  func testDouble() { check(Double.self, Int32(CK_DOUBLE)) }
}
