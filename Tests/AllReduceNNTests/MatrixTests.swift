import AllReduceNN
import XCTest

final class MatrixTests: XCTestCase {
  private func check<Scalar: BLASScalar>(_: Scalar.Type) {
    let a = Matrix<Scalar>(rows: 2, columns: 3, elements: [1, 2, 3, 4, 5, 6])
    let b = Matrix<Scalar>(rows: 3, columns: 2, elements: [7, 8, 9, 10, 11, 12])
    XCTAssertEqual(a.product(with: b).elements, [58, 64, 139, 154])
    XCTAssertEqual(
      a.product(with: b, transposed: true, otherTransposed: true),
      Matrix(rows: 3, columns: 3, elements: [39, 49, 59, 54, 68, 82, 69, 87, 105]))
    XCTAssertEqual(a.product(with: a, otherTransposed: true).elements, [14, 32, 32, 77])
    XCTAssertEqual(
      a.product(with: a, transposed: true).elements, [17, 22, 27, 22, 29, 36, 27, 36, 45])

    var result: [Scalar] = [100, 200, 300]
    a.multiply([1, 0, -1], into: &result)
    XCTAssertEqual(result, [-2, -2, 300])
    a.multiply([1, 1, 1], keeping: -1, into: &result)
    XCTAssertEqual(result, [8, 17, 300])
    a.multiply([1, 1, 1], rows: 1..<2, into: &result)
    XCTAssertEqual(result, [15, 17, 300])
    a.multiplyTransposed([1, 2], into: &result)
    XCTAssertEqual(result, [9, 12, 15])
    a.multiplyTransposed([2, 99], rows: 1..<2, into: &result)
    XCTAssertEqual(result, [8, 10, 12])
    XCTAssertEqual(Scalar.dot([1, 2, 3], [4, 5, 6, 7], count: 3), 32)
  }

  func testProductsOfFloats() { check(Float.self) }

  func testProductsOfDoubles() { check(Double.self) }

  func testEmptyShapes() {
    let empty = Matrix<Double>(rows: 0, columns: 2)
    var result = [5.0, 6.0]
    empty.multiplyTransposed([], into: &result)
    XCTAssertEqual(result, [0, 0])
    empty.multiply([1, 1], into: &result)
    XCTAssertEqual(result, [0, 0])
    XCTAssertEqual(empty.product(with: empty, transposed: true).elements, [0, 0, 0, 0])
    XCTAssertEqual(Double.dot([], [], count: 0), 0)

    let narrow = Matrix<Double>(rows: 2, columns: 0)
    result = [5, 6]
    narrow.multiply([], keeping: -1, into: &result)
    XCTAssertEqual(result, [-5, -6])
  }

  func testElementsAndRows() {
    var matrix = Matrix<Float>(rows: 2, columns: 2)
    matrix[1, 0] = 3
    XCTAssertEqual(matrix.elements, [0, 0, 3, 0])
    XCTAssertEqual(Array(matrix[row: 1]), [3, 0])
  }

  func testOneThreadUnlessAskedOtherwise() {
    XCTAssertEqual(BLAS.threadCount, 1)
  }
}
