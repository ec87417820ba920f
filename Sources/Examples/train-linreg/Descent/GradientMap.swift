import AllReduce

/// The map of map-reduce: the sums that a rank computes over its own examples.
///
/// Memory is allocated once; computing the sums allocates nothing.
struct GradientMap {
  /// The sum over the examples of (h(x) - y) * x and, as the last element, of (h(x) - y)^2.
  var sums: [Double]

  /// The sum of squared errors: the last element of `sums`.
  var sumOfSquares: Double { sums[sums.count - 1] }

  private var residuals: [Double]
  /// Copies of the rows of a batch, so that one matrix product handles all of them.
  private var batch: Matrix<Double>

  init(_ examples: Examples, batchSize: Int?) {
    sums = [Double](repeating: 0, count: examples.design.columns + 1)
    residuals = [Double](repeating: 0, count: examples.count)
    batch = Matrix(
      rows: min(batchSize ?? 0, examples.count), columns: examples.design.columns)
  }

  /// Computes the sums over all of the rank's examples.
  mutating func addUp(_ examples: Examples, at theta: [Double]) {
    let count = examples.count
    for row in 0..<count { residuals[row] = examples.targets[row] }
    examples.design.multiply(theta, keeping: -1, into: &residuals)
    examples.design.multiplyTransposed(residuals, into: &sums)
    sums[sums.count - 1] = Double.dot(residuals, residuals, count: count)
  }

  /// Computes the sums over some of the rank's examples.
  mutating func addUp(_ examples: Examples, rows: ArraySlice<Int>, at theta: [Double]) {
    let columns = examples.design.columns
    examples.design.elements.withUnsafeBufferPointer { all in
      batch.withUnsafeMutableElements { chosen in
        var place = 0
        for row in rows {
          for column in 0..<columns { chosen[place + column] = all[row * columns + column] }
          place += columns
        }
      }
    }
    var place = 0
    for row in rows {
      residuals[place] = examples.targets[row]
      place += 1
    }
    batch.multiply(theta, rows: 0..<rows.count, keeping: -1, into: &residuals)
    batch.multiplyTransposed(residuals, rows: 0..<rows.count, into: &sums)
    sums[sums.count - 1] = Double.dot(residuals, residuals, count: rows.count)
  }
}
