import AllReduce
import AllReduceMPI
import CKernels
import TestSupport
import XCTest

/// The loops in C: what they compute, and that they give the same bits at every level and on both
/// sides of an exchange.
final class ReductionLevelTests: XCTestCase {
  private let counts = [0, 1, 3, 4, 7, 8, 15, 16, 17, 31, 33, 64, 100]

  private typealias Loop =
    (ReductionKernel, UnsafeMutableRawPointer, UnsafeMutableRawPointer, Int) -> Void

  private func run<Scalar: ReducibleScalar>(
    _ kernel: ReductionKernel, _ one: [Scalar], _ other: [Scalar], _ loop: Loop
  ) -> (one: [Scalar], other: [Scalar]) {
    // An element more than is given to the loop, which must stay as it is.
    var (one, other) = (one + [7], other + [9])
    one.withUnsafeMutableBytes { one in
      other.withUnsafeMutableBytes {
        loop(kernel, one.baseAddress!, $0.baseAddress!, $0.count / kernel.stride - 1)
      }
    }
    XCTAssertTrue(one.removeLast() == 7 && other.removeLast() == 9)
    return (one, other)
  }

  private func bytes<Scalar>(_ values: [Scalar]) -> [UInt8] { values.withUnsafeBytes(Array.init) }

  private func check<Scalar: ReducibleScalar>(
    _ numbers: (_ count: Int, _ side: Int) -> [Scalar],
    _ expected: (ReductionOperation, Scalar, Scalar) -> Scalar, half: ((Scalar) -> Scalar)?
  ) {
    let type = Scalar.scalarType
    for operation in ReductionOperation.allCases where operation.isDefined(for: type) {
      let scalar = ReductionKernels(.scalar)[operation, type]
      for level in ProcessorLevel.available {
        let kernel = ReductionKernels(level)[operation, type]
        XCTAssertEqual(kernel.stride, MemoryLayout<Scalar>.stride)
        for count in counts {
          let name = "\(operation) of \(count) \(type), \(level.name)"
          let (a, b) = (numbers(count, 0), numbers(count, 1))
          let results = zip(a, b).map { expected(operation, $0, $1) }
          let loops: [Loop] = [
            { $0.combine($1, $2, $3) }, { $0.combineSymmetrically($1, $2, $3) },
            { $0.combineBoth($1, $2, $3) },
            { kernel, one, other, count in
              let stride = kernel.stride
              let copy = UnsafeMutableRawPointer.allocate(byteCount: count * stride, alignment: 8)
              defer { copy.deallocate() }
              copy.copyMemory(from: one, byteCount: count * stride)
              kernel.combineApart(one, copy, other, count)
            },
            { kernel, one, _, count in kernel.finish?(one, count, 3) },
          ]
          let found = loops.map { run(kernel, a, b, $0) }
          // The same bits as of the plainest loops, also of NaNs.
          for (loop, found) in zip(loops, found) {
            let plain = run(scalar, a, b, loop)
            XCTAssertEqual(bytes(found.one), bytes(plain.one), name)
            XCTAssertEqual(bytes(found.other), bytes(plain.other), name)
          }
          XCTAssertTrue(same(found[0].one, results) && same(found[0].other, b), name)
          XCTAssertTrue(same(found[1].one, results) && same(found[1].other, b), name)
          XCTAssertTrue(same(found[3].one, results) && same(found[3].other, b), name)
          let complete = operation == .mean ? results.map(half!) : results
          XCTAssertTrue(same(found[2].one, complete), name)
          XCTAssertEqual(bytes(found[2].other), bytes(found[2].one), name)
          let mirrored = run(kernel, b, a, loops[1]).one
          XCTAssertEqual(bytes(mirrored), bytes(found[1].one), name)
        }
      }
      XCTAssertEqual(scalar.finish != nil, operation == .mean)
    }
  }

  /// Equal numbers, signs of zeros too, or NaNs on both sides.
  private func same<Scalar: ReducibleScalar>(_ left: [Scalar], _ right: [Scalar]) -> Bool {
    left.count == right.count
      && zip(left, right).allSatisfy {
        ($0 == $1 && bytes([$0]) == bytes([$1])) || ($0 != $0 && $1 != $1)
      }
  }

  /// Numbers of every kind, so that a loop that skips or repeats one is seen.
  private func floats<Scalar: BinaryFloatingPoint>(_ count: Int, _ side: Int) -> [Scalar] {
    let special: [Scalar] = [
      .nan, .infinity, -.infinity, 0, -0.0, .leastNonzeroMagnitude, .greatestFiniteMagnitude,
      -.greatestFiniteMagnitude,
    ]
    return (0..<count).map { index in
      if index % 7 == 2 { return index / 7 % 2 == side ? 0 : -0.0 }
      return index % 5 == side
        ? special[(index * 3 + side) % 8] : Scalar(index * 7 % 31 - 11 * side) / 3
    }
  }

  private func expected<Scalar: BinaryFloatingPoint>(
    _ operation: ReductionOperation, _ a: Scalar, _ b: Scalar
  ) -> Scalar {
    switch operation {
    case .sum, .mean: a + b
    case .product: a * b
    case .minimum:
      a.isNaN || b.isNaN ? .nan : a < b || (a == b && a.sign == .minus) ? a : b
    case .maximum:
      a.isNaN || b.isNaN ? .nan : a > b || (a == b && a.sign == .plus) ? a : b
    }
  }

  private func integers<Scalar: FixedWidthInteger>(_ count: Int, _ side: Int) -> [Scalar] {
    (0..<count).map { index in
      switch index % 5 {
      case side: [Scalar.min, .max, -1, 0][index / 5 % 4]
      case 2: Scalar.max / 3 &* Scalar(index + side)
      default: Scalar(index * 7 % 31 - 11 * side)
      }
    }
  }

  private func expected<Scalar: FixedWidthInteger>(
    _ operation: ReductionOperation, _ a: Scalar, _ b: Scalar
  ) -> Scalar {
    switch operation {
    case .sum, .mean: a &+ b
    case .product: a &* b
    case .minimum: min(a, b)
    case .maximum: max(a, b)
    }
  }

  func testFloat() { check(floats, expected, half: { (sum: Float) in sum / 2 }) }
  func testDouble() { check(floats, expected, half: { (sum: Double) in sum / 2 }) }
  func testInt32() { check(integers, expected as (_, _, Int32) -> Int32, half: nil) }
  func testInt64() { check(integers, expected as (_, _, Int64) -> Int64, half: nil) }
}
