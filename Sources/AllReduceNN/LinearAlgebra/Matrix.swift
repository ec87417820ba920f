/// A matrix of [rows, columns], stored in row-major order.
package struct Matrix<Scalar: BLASScalar>: Equatable, Sendable {
  /// The number of rows.
  package let rows: Int
  /// The number of columns.
  package let columns: Int
  /// All elements: row 0, then row 1, and so on.
  package private(set) var elements: [Scalar]

  /// Creates a matrix of [rows, columns] from its elements in row-major order.
  ///
  /// - Parameters:
  ///   - rows: The number of rows.
  ///   - columns: The number of columns.
  ///   - elements: The elements of row 0, then of row 1, and so on.
  /// - Precondition: There are rows times columns elements, and neither number exceeds `Int32.max`.
  package init(rows: Int, columns: Int, elements: [Scalar]) {
    precondition(
      rows >= 0 && columns >= 0 && rows <= Int32.max && columns <= Int32.max,
      "a matrix of [\(rows), \(columns)] cannot be made: each number must be within 0...2^31-1")
    precondition(
      elements.count == rows * columns,
      "a matrix of [\(rows), \(columns)] needs \(rows * columns) elements, not \(elements.count)")
    self.rows = rows
    self.columns = columns
    self.elements = elements
  }

  /// Creates a matrix of [rows, columns] whose elements all have one value.
  package init(rows: Int, columns: Int, repeating value: Scalar = 0) {
    self.init(
      rows: rows, columns: columns, elements: [Scalar](repeating: value, count: rows * columns))
  }

  /// The element at a row and a column.
  package subscript(row: Int, column: Int) -> Scalar {
    get {
      check(row, column)
      return elements[row * columns + column]
    }
    set {
      check(row, column)
      elements[row * columns + column] = newValue
    }
  }

  /// One row, as a slice of ``elements``.
  package subscript(row row: Int) -> ArraySlice<Scalar> {
    check(row, 0)
    return elements[row * columns..<(row + 1) * columns]
  }

  /// Calls a function with the memory of all elements, in row-major order.
  ///
  /// - Parameter body: The function, which must not let the pointer escape.
  /// - Returns: The result of the function.
  /// - Throws: The errors of the function.
  package mutating func withUnsafeMutableElements<Result>(
    _ body: (UnsafeMutableBufferPointer<Scalar>) throws -> Result
  ) rethrows -> Result {
    try elements.withUnsafeMutableBufferPointer { try body($0) }
  }

  private func check(_ row: Int, _ column: Int) {
    precondition(
      row >= 0 && row < rows && column >= 0 && (column < columns || column == 0),
      "[\(row), \(column)] is outside a matrix of [\(rows), \(columns)]")
  }
}
