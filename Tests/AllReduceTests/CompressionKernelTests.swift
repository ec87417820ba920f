import CKernels
import TestSupport
import XCTest

/// The loops behind compressed gradients, against their definitions.
final class CompressionKernelTests: XCTestCase {
  private func check<Scalar: BinaryFloatingPoint & BitwiseCopyable>(
    _ type: Scalar.Type, _ number: Int32, _ body: (ck_compression, String) -> Void
  ) {
    for level in ProcessorLevel.available {
      body(ck_compression_at(level, number).pointee, "\(type), \(level.name)")
    }
  }

  private func checkLargest<Scalar: BinaryFloatingPoint & BitwiseCopyable>(
    _ type: Scalar.Type, _ number: Int32
  ) {
    check(type, number) { kernels, name in
      for count in [1, 5, 16, 17, 100, 1000] {
        for wanted in [1, 2, count / 3, count] where wanted >= 1 && wanted <= count {
          // Many equal magnitudes, both signs, zeros, a NaN and an infinity.
          var values = (0..<count).map { Scalar($0 * 7919 % 23 - 11) / 8 }
          if count > 50 { (values[40], values[41]) = (.nan, -.infinity) }
          let gradient = (0..<count).map { Scalar($0 * 31 % 5) }
          let sums = zip(values, gradient).map { $0 + $1 }
          func key(_ value: Scalar) -> Scalar { value.isNaN ? .infinity : value.magnitude }
          let order = sums.indices.sorted { a, b in
            let (x, y) = (sums[a], sums[b])
            if x.isNaN != y.isNaN { return x.isNaN }
            return key(x) == key(y) ? a < b : key(x) > key(y)
          }
          let expected = Set(order.prefix(wanted))
          var places = [UInt32](repeating: 0, count: wanted)
          var numbers = [Scalar](repeating: 0, count: wanted)
          var scratch = [UInt32](repeating: 0, count: count)
          kernels.take_largest(&values, gradient, count, wanted, &places, &numbers, &scratch)
          XCTAssertEqual(Set(places.map(Int.init)), expected, "\(name), \(wanted) of \(count)")
          for (place, taken) in zip(places, numbers) {
            let sum = sums[Int(place)]
            XCTAssertTrue(taken == sum || (taken.isNaN && sum.isNaN), name)
          }
          for index in values.indices {
            XCTAssertEqual(values[index], expected.contains(index) ? 0 : sums[index], name)
          }
          var rebuilt = [Scalar](repeating: 0, count: count)
          kernels.add_at(&rebuilt, places, numbers, wanted)
          for index in expected where !sums[index].isNaN {
            XCTAssertEqual(rebuilt[index], sums[index], name)
          }
        }
      }
    }
  }

  private func checkProducts<Scalar: BinaryFloatingPoint & BitwiseCopyable>(
    _ type: Scalar.Type, _ number: Int32, accuracy: Scalar
  ) {
    for (rows, columns, rank) in [(1, 1, 1), (3, 5, 2), (20, 37, 4), (9, 1100, 7), (64, 64, 5)] {
      func draw(_ count: Int, _ step: Int) -> [Scalar] {
        (0..<count).map { Scalar(($0 * step + $0 * $0) % 17 - 8) / 8 }
      }
      let (first, gradient) = (draw(rows * columns, 5), draw(rows * columns, 11))
      let (q, other) = (draw(rank * columns, 3), draw(rank * columns, 7))
      var rebuilt: [[Scalar]] = []
      check(type, number) { kernels, name in
        let name = "\(name), \(rows) x \(columns), \(rank)"
        var m = first
        var p = [Scalar](repeating: 9, count: rank * rows)
        kernels.project(&m, gradient, rows, columns, rank, q, &p)
        let sum = zip(first, gradient).map { $0 + $1 }
        XCTAssertEqual(m, sum, name)
        for r in 0..<rank {
          for i in 0..<rows {
            let exact = (0..<columns).reduce(Scalar(0)) {
              $0 + sum[i * columns + $1] * q[r * columns + $1]
            }
            XCTAssertEqual(p[r * rows + i], exact, accuracy: accuracy * Scalar(columns), name)
          }
        }
        let narrow = draw(rank * rows, 13)
        var back = [Scalar](repeating: 9, count: rank * columns)
        kernels.project_back(m, rows, columns, rank, narrow, &back)
        var result = gradient
        kernels.reconstruct(&m, &result, rows, columns, rank, narrow, q, other)
        for j in 0..<columns {
          for r in 0..<rank {
            let exact = (0..<rows).reduce(Scalar(0)) {
              $0 + sum[$1 * columns + j] * narrow[r * rows + $1]
            }
            XCTAssertEqual(back[r * columns + j], exact, accuracy: accuracy * Scalar(rows), name)
          }
          for i in 0..<rows {
            func product(_ q: [Scalar]) -> Scalar {
              (0..<rank).reduce(0) { $0 + narrow[$1 * rows + i] * q[$1 * columns + j] }
            }
            let place = i * columns + j
            XCTAssertEqual(result[place], product(other), accuracy: 32 * accuracy, name)
            XCTAssertEqual(m[place], sum[place] - product(q), accuracy: 32 * accuracy, name)
          }
        }
        rebuilt.append(result)
      }
      for result in rebuilt { XCTAssertEqual(result, rebuilt[0], "all levels") }
    }
  }

  private func checkOrthonormal<Scalar: BinaryFloatingPoint & BitwiseCopyable>(
    _ type: Scalar.Type, _ number: Int32, accuracy: Scalar
  ) {
    check(type, number) { kernels, name in
      let (rows, rank) = (21, 4)
      // The third is the sum of the first two.
      var p = (0..<rank * rows).map { Scalar($0 * $0 % 19 - 9) }
      for i in 0..<rows { p[2 * rows + i] = p[i] + p[rows + i] }
      kernels.orthonormalize(&p, rows, rank)
      for a in 0..<rank {
        for b in 0...a {
          let dot = (0..<rows).reduce(Scalar(0)) { $0 + p[a * rows + $1] * p[b * rows + $1] }
          XCTAssertEqual(dot, a == b && a != 2 ? 1 : 0, accuracy: accuracy, "\(name), \(a) \(b)")
        }
      }
      var guess = p
      let q: [Scalar] = (0..<rank * rows).map { $0 < rows ? 0 : Scalar($0) }
      kernels.normalize(&guess, q, rows, rank)
      XCTAssertEqual(Array(guess[..<rows]), Array(p[..<rows]), name)
      let length = guess[rows..<2 * rows].reduce(Scalar(0)) { $0 + $1 * $1 }
      XCTAssertEqual(length, 1, accuracy: accuracy, name)
    }
  }

  func testTheLargestAreTakenAndTheFirstOfEqualOnes() {
    checkLargest(Float.self, Int32(CK_FLOAT))
    checkLargest(Double.self, Int32(CK_DOUBLE))
  }

  func testProductsWithNarrowMatrices() {
    checkProducts(Float.self, Int32(CK_FLOAT), accuracy: 1e-6)
    checkProducts(Double.self, Int32(CK_DOUBLE), accuracy: 1e-14)
  }

  func testOrthonormalVectors() {
    checkOrthonormal(Float.self, Int32(CK_FLOAT), accuracy: 1e-5)
    checkOrthonormal(Double.self, Int32(CK_DOUBLE), accuracy: 1e-13)
  }
}
