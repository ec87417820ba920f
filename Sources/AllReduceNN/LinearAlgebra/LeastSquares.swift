internal import CBLAS

/// Solves linear least-squares problems directly, by QR factorization.
///
/// LAPACK's `dgeqrf` reduces the rows to a triangle, one block of rows at a time (the triangle so far on top of the
/// next block). So the work stays in the cache, and only memory for one block is needed. The cost is 2 * m * n²
/// operations for m rows of n columns. Golub and Van Loan, "Matrix Computations", section 5.3; Demmel, Grigori, Hoemmen
/// and Langou, "Communication-optimal parallel and sequential QR and LU factorizations" (2012). `dgeqrf`, LAPACK.
package enum LeastSquares {
  /// Finds the x that minimises the sum of the squares of design * x - targets.
  ///
  /// - Parameters:
  ///   - design: The matrix [m, n], one row per equation.
  ///   - targets: The m right-hand sides, one per equation.
  /// - Returns: The n numbers of x; nil if the columns are linearly dependent up to rounding, as they are when there
  ///   are fewer rows than columns.
  /// - Precondition: There is one target per row.
  package static func solve(design: Matrix<Double>, targets: [Double]) -> [Double]? {
    let (m, n) = (design.rows, design.columns)
    precondition(targets.count == m, "[\(m), \(n)] needs \(m) targets, not \(targets.count)")
    guard n > 0 else { return [] }
    guard m >= n else { return nil }

    // Columns are scaled to the same size, so that one test for dependence fits all of them.
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

  /// Returns the triangle R and, as its last column, Qᵀ * targets: [n, n + 1].
  private static func triangle(
    of design: Matrix<Double>, targets: [Double], scales: [Double]
  ) -> Matrix<Double> {
    let (m, n) = (design.rows, design.columns)
    let height = n + max(64, 2 * n)
    // Stored column by column, with the targets as the last column.
    var work = [Double](repeating: 0, count: height * (n + 1))
    // LAPACK works on 32 columns at once if it has room for them.
    var space = [Double](repeating: 0, count: 32 * (n + 1))
    var reflections = [Double](repeating: 0, count: n + 1)
    var filled = 0
    var next = 0
    while next < m {
      let taken = min(m - next, height - filled)
      for row in 0..<taken {
        for column in 0..<n {
          work[column * height + filled + row] = design[next + row, column] / scales[column]
        }
        work[n * height + filled + row] = targets[next + row]
      }
      next += taken
      filled += taken
      factor(&work, rows: filled, height: height, &reflections, &space)
      filled = min(filled, n)
      for column in 0..<n {
        // LAPACK keeps its reflections below the triangle.
        for row in min(column + 1, filled)..<filled { work[column * height + row] = 0 }
      }
    }
    var triangle = Matrix<Double>(rows: n, columns: n + 1)
    for row in 0..<n {
      for column in row...n { triangle[row, column] = work[column * height + row] }
    }
    return triangle
  }

  /// Replaces a matrix by its triangle R, with the reflections whose product is Q below R.
  private static func factor(
    _ matrix: inout [Double], rows: Int, height: Int, _ reflections: inout [Double],
    _ space: inout [Double]
  ) {
    var (m, n, leading) = (Int32(rows), Int32(reflections.count), Int32(height))
    var spaceCount = Int32(space.count)
    var status: Int32 = 0
    dgeqrf_(&m, &n, &matrix, &leading, &reflections, &space, &spaceCount, &status)
    precondition(status == 0, "dgeqrf refuses its argument \(-status)")
  }

  private static func backSubstitution(
    _ triangle: Matrix<Double>, equations: Int
  ) -> [Double]? {
    let n = triangle.rows
    var solution = [Double](repeating: 0, count: n)
    for row in stride(from: n - 1, through: 0, by: -1) {
      // Compare the part of a column that the earlier columns do not explain with the column's whole length.
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
