import AllReduce

/// The means and standard deviations of the features over the rows of all ranks.
///
/// Gradient descent converges quickly only if the features have similar sizes. The means and deviations are computed in
/// two passes; the second sums differences from the means of the first, so that a small deviation is not lost beside a
/// large mean.
struct Standardization {
  /// The mean of each feature.
  let means: [Double]
  /// The standard deviation of each feature.
  let deviations: [Double]
  /// The sum of the squared differences of the targets from their mean.
  let targetSquares: Double

  private let smallest: [Double]
  private let largest: [Double]

  /// Computes the means and deviations. Collective: three reductions.
  init(of examples: Examples, in problem: Problem, _ exchange: Exchange) throws {
    let columns = problem.features + 1
    let rows = Double(problem.examples)
    // Column 0 of the design matrix is all ones, so the target takes its place here.
    func value(_ row: Int, _ column: Int) -> Double {
      column == 0 ? examples.targets[row] : examples.design[row, column]
    }
    var extremes = [Double](repeating: -.infinity, count: 2 * columns)
    var sums = [Double](repeating: 0, count: columns)
    for row in 0..<examples.count {
      for column in 0..<columns {
        let value = value(row, column)
        sums[column] += value / rows
        extremes[column] = max(extremes[column], value)
        extremes[columns + column] = max(extremes[columns + column], -value)
      }
    }
    try exchange.combine(&extremes, .maximum)
    try exchange.combine(&sums)

    var moments = [Double](repeating: 0, count: 2 * columns)
    for row in 0..<examples.count {
      for column in 0..<columns {
        let distance = value(row, column) - sums[column]
        moments[column] += distance
        moments[columns + column] += distance * distance
      }
    }
    try exchange.combine(&moments)
    // The sum of the differences is 0 but for rounding; what remains corrects the mean and the sum of squares.
    let squares = (0..<columns).map {
      max(0, moments[columns + $0] - moments[$0] * moments[$0] / rows)
    }
    means = (1..<columns).map { sums[$0] + moments[$0] / rows }
    deviations = (1..<columns).map { (squares[$0] / rows).squareRoot() }
    targetSquares = squares[0]
    largest = Array(extremes[..<columns])
    smallest = extremes[columns...].map { -$0 }
  }

  /// Throws an error if a column is constant or its squares overflow or underflow; the same error on all ranks.
  func check(_ problem: Problem) throws {
    for column in 0...problem.features {
      let name = column == 0 ? problem.target : problem.names[column - 1]
      let spread = column == 0 ? targetSquares : deviations[column - 1]
      if smallest[column] == largest[column] {
        throw DataError(
          file: problem.source, columnName: name, expected: "values that differ",
          found: "\(smallest[column]) in every row",
          advice: column == 0 ? "predict another column" : "remove the column from the file")
      }
      if !(spread.isNormal && spread > 0) {
        throw DataError(
          file: problem.source, columnName: name,
          expected: "values whose squares can be added up",
          found: "values from \(smallest[column]) to \(largest[column])",
          advice: "give the column in another unit")
      }
    }
  }

  /// Converts the features to standard units: mean 0 and deviation 1.
  func apply(to examples: inout Examples) {
    let (rows, columns) = (examples.design.rows, examples.design.columns)
    examples.design.withUnsafeMutableElements { elements in
      for row in 0..<rows {
        for column in 1..<columns {
          let place = row * columns + column
          elements[place] = (elements[place] - means[column - 1]) / deviations[column - 1]
        }
      }
    }
  }

  /// Converts coefficients for features in the standard units of `other` to the standard units of this instance; both
  /// must be of the same data.
  ///
  /// Rounding makes the means and deviations of two reductions differ slightly, but so little that the difference of
  /// two means is exact. Comparing coefficients in the data's own units would not do: there the intercept of features
  /// far from zero, such as times since 1970, is a difference of large numbers, and does not tell how similar two
  /// descents were.
  func theta(_ theta: [Double], from other: Standardization) -> [Double] {
    var own = theta
    for feature in means.indices {
      let slope = theta[feature + 1] / other.deviations[feature]
      own[feature + 1] = slope * deviations[feature]
      own[0] += slope * (means[feature] - other.means[feature])
    }
    return own
  }

  /// Converts coefficients for features in standard units to the data's own units.
  func ownUnits(_ theta: [Double]) -> [Double] {
    var own = theta
    for feature in means.indices {
      own[feature + 1] = theta[feature + 1] / deviations[feature]
      own[0] -= own[feature + 1] * means[feature]
    }
    return own
  }
}
