import AllReduceNN
import CKernels
import Foundation
import TestSupport
import XCTest

/// The kernels' errors are measured against the system's functions in Double.
final class VectorFunctionTests: XCTestCase {
  private typealias Function = (
    FloatVectorFunctions, UnsafePointer<Float>, UnsafeMutablePointer<Float>, Int
  ) -> Void

  private let levels = ProcessorLevel.available.map(FloatVectorFunctions.init(_:))

  /// Numbers of every size and sign, special ones among them; not a whole number of groups.
  private let all: [Float] = {
    let special: [Float] = [
      0, -0.0, .infinity, -.infinity, .nan, .leastNonzeroMagnitude, -.leastNonzeroMagnitude,
      .leastNormalMagnitude, -.leastNormalMagnitude, .greatestFiniteMagnitude,
      -.greatestFiniteMagnitude, 88.72283, 88.72284, -87.33654, -103.97207, -103.97208, -104.5,
    ]
    let spread = stride(from: UInt32(0), to: .max - 60_000, by: 50_021).map(Float.init(bitPattern:))
    return special + spread + (0..<20_001).map { Float($0 - 10_000) * 0.0021 }
  }()

  func testAllLevelsGiveTheSameBits() {
    let functions: [(String, Function)] = [
      ("exp", { $0.exponential($1, $2, count: $3) }), ("tanh", { $0.tanh($1, $2, count: $3) }),
      ("sigmoid", { $0.sigmoid($1, $2, count: $3) }),
      ("gelu", { $0.gelu($1, $2, count: $3, approximate: false) }),
      ("gelu by tanh", { $0.gelu($1, $2, count: $3, approximate: true) }),
      ("relu", { $0.rectify($1, $2, count: $3, slope: 0) }),
      ("leaky relu", { $0.rectify($1, $2, count: $3, slope: 0.3) }),
      ("slope of gelu", { $0.geluGradient($1, $2, count: $3, approximate: false) }),
      ("slope of gelu by tanh", { $0.geluGradient($1, $2, count: $3, approximate: true) }),
      ("slope of tanh", { $0.tanhGradient($1, $2, count: $3) }),
      ("slope of sigmoid", { $0.sigmoidGradient($1, $2, count: $3) }),
      ("slope of relu", { $0.rectifyGradient($1, $2, count: $3, slope: 0.3) }),
      (
        "drop",
        {
          let mask = DropoutMask(seed: 5, layer: 1, step: 2, kept: 30_000)
          $0.drop($1, $2, count: $3, mask: mask, example: 6, scale: 1.5)
        }
      ),
    ]
    expectEqualBits(functions, all)
  }

  func testAllLevelsAddUpInTheSameOrder() {
    expectEqualBits(
      [
        ("exp and sum", { $2[0] = $0.exponentials($1, minus: 3, $2, count: $3) }),
        (
          "binary",
          {
            let (loss, right) = $0.binaryCrossEntropy(
              $1, [Float](repeating: 0.7, count: $3), $2, count: $3, scale: 0.3)
            $2[0] = Float(loss) + Float(right)
          }
        ),
        (
          "squares",
          { $2[0] = Float($0.squaredDifferences($1, $1 + 1, $2, count: $3 - 1, scale: 0.3)) }
        ),
        ("sum", { $2[0] = Float($0.sum($1, count: $3)) }),
        ("largest", { $2[0] = $0.largest($1, count: $3) }),
      ], all.filter { abs($0) < 1e6 })
  }

  func testErrorsAreWithinTheirBounds() {
    expect("exp", within: 1, exp) { $0.exponential($1, $2, count: $3) }
    expect("tanh", within: 2.5, tanh) { $0.tanh($1, $2, count: $3) }
    expect("sigmoid", within: 2.5, { 1 / (1 + exp(-$0)) }) { $0.sigmoid($1, $2, count: $3) }
    expect(
      "gelu", within: 5, above: 0x1p-120,
      { $0 == -.infinity ? 0 : $0 * erfc(-$0 * 0.5.squareRoot()) / 2 }
    ) {
      $0.gelu($1, $2, count: $3, approximate: false)
    }
  }

  func testGeluByTanhAndSlopesAreWithinTheirBounds() {
    let finite = all.filter { abs($0) < 1e6 }
    let double = DoubleVectorFunctions()
    let wide = finite.map(Double.init)
    for approximate in [false, true] {
      var (value, slope) = (finite, [Float](repeating: 1, count: finite.count))
      levels[0].gelu(finite, &value, count: finite.count, approximate: approximate)
      levels[0].geluGradient(finite, &slope, count: finite.count, approximate: approximate)
      var (exact, exactSlope) = (wide, [Double](repeating: 1, count: wide.count))
      double.gelu(wide, &exact, count: wide.count, approximate: approximate)
      double.geluGradient(wide, &exactSlope, count: wide.count, approximate: approximate)
      for index in finite.indices {
        XCTAssertEqual(
          Double(value[index]), exact[index], accuracy: 0x1p-22 * (1 + abs(exact[index])))
        XCTAssertEqual(Double(slope[index]), exactSlope[index], accuracy: 0x1p-22)
      }
    }
  }

  func testSpecialNumbers() {
    func results(_ function: Function) -> [Float] {
      let x: [Float] = [.nan, .infinity, -.infinity, .leastNonzeroMagnitude]
      var y = x
      function(levels[0], x, &y, 4)
      XCTAssertTrue(y[0].isNaN)
      return Array(y[1...])
    }
    let least = Float.leastNonzeroMagnitude
    XCTAssertEqual(results { $0.exponential($1, $2, count: $3) }, [.infinity, 0, 1])
    XCTAssertEqual(results { $0.tanh($1, $2, count: $3) }, [1, -1, least])
    XCTAssertEqual(results { $0.sigmoid($1, $2, count: $3) }, [1, 0, 0.5])
    XCTAssertEqual(results { $0.rectify($1, $2, count: $3, slope: 0) }, [.infinity, 0, least])
    for approximate in [false, true] {
      let gelu = results { $0.gelu($1, $2, count: $3, approximate: approximate) }
      XCTAssertEqual(Array(gelu[..<2]), [.infinity, 0])
    }
  }

  func testExpOfSubnormalResultsIsRoundedOnce() {
    let x: [Float] = (0..<1_000).map { -87 - Float($0) * 0.017 }
    var y = x
    levels[0].exponential(x, &y, count: x.count)
    for (x, y) in zip(x, y) {
      XCTAssertEqual(Double(y), exp(Double(x)), accuracy: 0x1p-149, "exp(\(x))")
    }
  }

  private func expectEqualBits(_ functions: [(String, Function)], _ numbers: [Float]) {
    XCTAssertFalse(levels.isEmpty)
    for (name, function) in functions {
      for count in [1, 10, 15, 16, 17, 63, 64, 65, numbers.count] {
        func bits(_ level: FloatVectorFunctions) -> [UInt32] {
          var y = (0..<count).map { Float($0 % 7) - 3 }
          function(level, numbers, &y, count)
          return y.map(\.bitPattern)
        }
        let expected = bits(levels[0])
        for level in levels.dropFirst() {
          XCTAssertTrue(bits(level) == expected, "\(name) of \(count) numbers")
        }
      }
    }
  }

  /// Compares a function with the system's, in units of the last place of the exact result.
  private func expect(
    _ name: String, within bound: Double, above least: Double = 0,
    _ exact: (Double) -> Double, _ function: Function
  ) {
    var y = all
    function(levels[0], all, &y, all.count)
    var worst = (error: 0.0, at: Float.nan)
    for (x, y) in zip(all, y) where !x.isNaN {
      let wanted = exact(Double(x))
      if abs(wanted) < least { continue }
      if !Float(wanted).isFinite || !y.isFinite {
        XCTAssertEqual(y, Float(wanted), "\(name)(\(x))")
        continue
      }
      let unit = Double(max(Float(abs(wanted)), .leastNormalMagnitude).ulp)
      let error = abs(Double(y) - wanted) / unit
      if !(error <= worst.error) { worst = (error, x) }
    }
    XCTAssertLessThanOrEqual(worst.error, bound, "\(name)(\(worst.at))")
    XCTAssertGreaterThan(worst.error, 0, "\(name) was compared with itself")
  }
}
