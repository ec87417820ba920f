/// The exact solution of a linear least-squares problem.
///
/// Householder reflections turn the rows into a triangle, a block of rows at a time (the triangle
/// so far on top of the next block), so that the work stays in the cache and the memory needed is
/// that of a block. It costs 2 m n^2 operations for m rows of n columns. Golub and Van Loan,
/// "Matrix Computations", section 5.3; Demmel, Grigori, Hoemmen and Langou, "Communication-optimal
/// parallel and sequential QR and LU factorizations" (2012).
package enum LeastSquares {
  /// The x for which the sum of squares of design x - targets is smallest.
  ///
  /// - Parameters:
  ///   - design: [m, n], a row an equation.
  ///   - targets: m numbers.
  /// - Returns: n numbers, or nil if the columns depend on each other to rounding, as they do when
  ///   there are fewer rows than columns.
  /// - Precondition: There is a target for each row.
  package static func solve(design: Matrix<Double>, targets: [Double]) -> [Double]? {
    let (m, n) = (design.rows, design.columns)
    precondition(targets.count == m, "[\(m), \(n)] needs \(m) targets, not \(targets.count)")
    guard n > 0 else { return [] }
    guard m >= n else { return nil }

    // Columns of one size make the test for dependence the same for all of them.
    var scales = [Double](repeating: 0, count: n)
    for row in 0..<m {
      for column in 0..<n { scales[column] = max(scales[column], abs(design[row, column])) }
    }
    guard scales.allSatisfy({ $0 > 0 && $0.isFinite }) else { return nil }

    let triangle = triangle(of: design, targets: targets, scales: scales)
    return backSubstitution(triangle, equations: m).map { solution in
      zip(solution, scales).map { $0 / $1 }
    }
  }

  /// The triangle R and, as its last column, Q^T y: [n, n + 1].
  private static func triangle(
    of design: Matrix<Double>, targets: [Double], scales: [Double]
  ) -> Matrix<Double> {
    let (m, n) = (design.rows, design.columns)
    let blockRows = max(64, 2 * n)
    var work = Matrix<Double>(rows: n + blockRows, columns: n + 1)
    var filled = 0
    var next = 0
    while next < m {
      let taken = min(m - next, n + blockRows - filled)
      for row in 0..<taken {
        for column in 0..<n {
          work[filled + row, column] = design[next + row, column] / scales[column]
        }
        work[filled + row, n] = targets[next + row]
      }
      next += taken
      filled += taken
      work.withUnsafeMutableElements { reduce($0, rows: filled, columns: n) }
      filled = min(filled, n)
    }
    return Matrix(rows: n, columns: n + 1, elements: Array(work.elements.prefix(n * (n + 1))))
  }

  /// Makes the first `columns` columns of the rows upper triangular; one more column goes along.
  private static func reduce(
    _ work: UnsafeMutableBufferPointer<Double>, rows: Int, columns: Int
  ) {
    let width = columns + 1
    var factors = [Double](repeating: 0, count: width)
    for pivot in 0..<min(rows, columns) {
      var squares = 0.0
      for row in pivot..<rows {
        squares += work[row * width + pivot] * work[row * width + pivot]
      }
      let length = squares.squareRoot()
      guard length > 0 else { continue }
      // The sign that adds, so that nothing cancels.
      let head = work[pivot * width + pivot]
      let diagonal = head > 0 ? -length : length
      work[pivot * width + pivot] = head - diagonal
      let divisor = diagonal * (diagonal - head)

      // The reflection vector stands in the pivot's column; row by row is the order of memory.
      for column in pivot + 1..<width { factors[column] = 0 }
      for row in pivot..<rows {
        let element = work[row * width + pivot]
        for column in pivot + 1..<width {
          factors[column] += element * work[row * width + column]
        }
      }
      for column in pivot + 1..<width { factors[column] /= divisor }
      for row in pivot..<rows {
        let element = work[row * width + pivot]
        for column in pivot + 1..<width {
          work[row * width + column] -= element * factors[column]
        }
        work[row * width + pivot] = 0
      }
      work[pivot * width + pivot] = diagonal
    }
  }

  private static func backSubstitution(
    _ triangle: Matrix<Double>, equations: Int
  ) -> [Double]? {
    let n = triangle.rows
    var solution = [Double](repeating: 0, count: n)
    for row in stride(from: n - 1, through: 0, by: -1) {
      // What is left of a column that the earlier ones do not explain, against its whole length.
      var squares = 0.0
      for above in 0...row { squares += triangle[above, row] * triangle[above, row] }
      let diagonal = abs(triangle[row, row])
      guard diagonal > 8 * Double(max(equations, n)).squareRoot() * .ulpOfOne * squares.squareRoot()
      else { return nil }
      var sum = triangle[row, n]
      for column in row + 1..<n { sum -= triangle[row, column] * solution[column] }
      solution[row] = sum / triangle[row, row]
    }
    return solution
  }
}
