import AllReduceNN
import XCTest

final class LeastSquaresTests: XCTestCase {
  /// Random columns of very different sizes, and targets that the columns explain exactly.
  private func problem(
    rows: Int, columns: Int, seed: UInt64
  ) -> (design: Matrix<Double>, theta: [Double], targets: [Double]) {
    let generator = Philox(seed: seed)
    var design = Matrix<Double>(rows: rows, columns: columns)
    for row in 0..<rows {
      for column in 0..<columns {
        design[row, column] =
          generator.gaussian(at: UInt64(row), stream: UInt64(column))
          * (column.isMultiple(of: 2) ? 1e4 : 1e-3)
      }
    }
    let theta = (0..<columns).map { generator.gaussian(at: UInt64($0), stream: 1_000) }
    var targets = [Double](repeating: 0, count: rows)
    design.multiply(theta, into: &targets)
    return (design, theta, targets)
  }

  func testRecoversWhatMadeTheTargets() throws {
    for (rows, columns) in [(1, 1), (3, 3), (10, 3), (64, 5), (500, 7), (2_000, 40), (130, 64)] {
      let (design, theta, targets) = problem(
        rows: rows, columns: columns, seed: UInt64(rows * 100 + columns))
      let solution = try XCTUnwrap(LeastSquares.solve(design: design, targets: targets))
      for (found, expected) in zip(solution, theta) {
        XCTAssertEqual(found, expected, accuracy: 1e-6 * max(1, abs(expected)))
      }
    }
  }

  func testTheResidualIsOrthogonalToTheColumns() throws {
    let (design, _, _) = problem(rows: 700, columns: 6, seed: 4)
    var residual = (0..<700).map { Philox(seed: 5).gaussian(at: UInt64($0)) }
    let solution = try XCTUnwrap(LeastSquares.solve(design: design, targets: residual))
    design.multiply(solution, keeping: -1, into: &residual)
    var products = [Double](repeating: 0, count: 6)
    design.multiplyTransposed(residual, into: &products)
    for (column, product) in products.enumerated() {
      XCTAssertEqual(product, 0, accuracy: column.isMultiple(of: 2) ? 1e-7 : 1e-14)
    }
  }

  func testALineThroughPoints() throws {
    let design = Matrix<Double>(rows: 4, columns: 2, elements: [1, 0, 1, 1, 1, 2, 1, 3])
    let solution = try XCTUnwrap(LeastSquares.solve(design: design, targets: [-1, 0.2, 0.9, 2.1]))
    XCTAssertEqual(solution[0], -0.95, accuracy: 1e-14)
    XCTAssertEqual(solution[1], 1, accuracy: 1e-14)
  }

  func testDependentColumnsHaveNoSolution() {
    let (original, _, targets) = problem(rows: 300, columns: 4, seed: 6)
    var design = original
    for row in 0..<300 { design[row, 2] = 3 * design[row, 0] - 7e6 * design[row, 1] }
    XCTAssertNil(LeastSquares.solve(design: design, targets: targets))
    for row in 0..<300 { design[row, 2] = 0 }
    XCTAssertNil(LeastSquares.solve(design: design, targets: targets))
    XCTAssertNil(
      LeastSquares.solve(design: Matrix(rows: 2, columns: 3, repeating: 1), targets: [1, 2]))
    XCTAssertEqual(LeastSquares.solve(design: Matrix(rows: 2, columns: 0), targets: [1, 2]), [])
  }
}
