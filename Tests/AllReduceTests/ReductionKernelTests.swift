import AllReduce
import AllReduceMPI
import XCTest

final class ReductionKernelTests: XCTestCase {
  private func combine<Scalar: ReducibleScalar>(
    _ operation: ReductionOperation, _ left: Scalar, _ right: Scalar
  ) -> [Scalar] {
    // Long enough for the vector body and the scalar tail of the loop.
    var result = [Scalar](repeating: left, count: 19)
    let source = [Scalar](repeating: right, count: 19)
    let kernel = ReductionKernel.of(operation, Scalar.scalarType)
    result.withUnsafeMutableBytes { result in
      source.withUnsafeBytes { kernel.combine(result.baseAddress!, $0.baseAddress!, 19) }
    }
    return result
  }

  func testNaNIsNeverLost() {
    for operation in ReductionOperation.allCases {
      for (left, right) in [(Float.nan, 1), (1, Float.nan), (Float.nan, Float.nan)] {
        XCTAssertTrue(combine(operation, left, right).allSatisfy(\.isNaN), "\(operation)")
      }
      for (left, right) in [(Double.nan, -1), (-1, Double.nan), (Double.infinity, Double.nan)] {
        XCTAssertTrue(combine(operation, left, right).allSatisfy(\.isNaN), "\(operation)")
      }
    }
  }

  func testZerosAreOrderedBySign() {
    for (left, right) in [(Float(0), -Float(0)), (-Float(0), Float(0))] {
      XCTAssertTrue(combine(.minimum, left, right).allSatisfy { $0.sign == .minus })
      XCTAssertTrue(combine(.maximum, left, right).allSatisfy { $0.sign == .plus })
    }
    for (left, right) in [(Double(0), -Double(0)), (-Double(0), Double(0))] {
      XCTAssertTrue(combine(.minimum, left, right).allSatisfy { $0.sign == .minus })
      XCTAssertTrue(combine(.maximum, left, right).allSatisfy { $0.sign == .plus })
    }
  }

  func testIntegersWrap() {
    XCTAssertEqual(combine(.sum, Int32.max, 1)[0], Int32.min)
    XCTAssertEqual(combine(.product, Int64.max, 2)[0], -2)
  }

  func testMeanDividesAndIsForFloatingPointOnly() {
    var values: [Float] = [41, 1]
    values.withUnsafeMutableBytes {
      ReductionKernel.of(.mean, .float).finish?($0.baseAddress!, 2, 41)
    }
    XCTAssertEqual(values, [1, 1 / 41])
    XCTAssertFalse(ReductionOperation.mean.isDefined(for: .int32))
    XCTAssertFalse(ReductionOperation.mean.isDefined(for: .int64))
    XCTAssertNil(ReductionKernel.of(.sum, .float).finish)
  }

  func testExchangedNaNsHaveTheSameBits() {
    let left = Float(bitPattern: 0x7FC0_1234)
    let right = Float(bitPattern: 0xFFC0_4321)
    for operation in ReductionOperation.allCases {
      var mine = [Float](repeating: left, count: 19)
      var theirs = [Float](repeating: right, count: 19)
      let kernel = ReductionKernel.of(operation, .float)
      mine.withUnsafeMutableBytes { mine in
        theirs.withUnsafeMutableBytes { theirs in
          let (copy, count) = (Array(mine.bindMemory(to: Float.self)), 19)
          kernel.combineSymmetrically(mine.baseAddress!, theirs.baseAddress!, count)
          copy.withUnsafeBytes {
            kernel.combineSymmetrically(theirs.baseAddress!, $0.baseAddress!, count)
          }
        }
      }
      XCTAssertEqual(mine.map(\.bitPattern), theirs.map(\.bitPattern), "\(operation)")
    }
  }
}
