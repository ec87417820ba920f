import AllReduce

/// The means and deviations of the features over the rows of all ranks.
///
/// Descent is quick only if features are of one size. They are found in two passes, the second about
/// the means of the first, so that a small deviation beside a large mean is not lost.
struct Standardization {
  /// The mean of each feature.
  let means: [Double]
  /// The deviation of each feature.
  let deviations: [Double]
  /// The sum of squares of the targets about their mean.
  let targetSquares: Double

  private let smallest: [Double]
  private let largest: [Double]

  /// Finds means and deviations. Collective: three exchanges.
  init(of examples: Examples, in problem: Problem, _ exchange: Exchange) throws {
    let columns = problem.features + 1
    let rows = Double(problem.examples)
    // The column of ones is of no interest; the target stands in its place.
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
    // What rounding left of the first moment corrects the mean and the second moment.
    let squares = (0..<columns).map {
      max(0, moments[columns + $0] - moments[$0] * moments[$0] / rows)
    }
    means = (1..<columns).map { sums[$0] + moments[$0] / rows }
    deviations = (1..<columns).map { (squares[$0] / rows).squareRoot() }
    targetSquares = squares[0]
    largest = Array(extremes[..<columns])
    smallest = extremes[columns...].map { -$0 }
  }

  /// Throws for a column that nothing can be learned from; the same on all ranks.
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

  /// Turns features into standard units.
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

  /// Theta for features in these units, of one for features in other standard units of the same data.
  ///
  /// Rounding makes the means and deviations of two exchanges differ, but by so little that a difference of
  /// two means is exact. In the data's own units the intercept of features far from zero, such as times since
  /// 1970, is the rest of large numbers, and says nothing of how alike two descents were.
  func theta(_ theta: [Double], from other: Standardization) -> [Double] {
    var own = theta
    for feature in means.indices {
      let slope = theta[feature + 1] / other.deviations[feature]
      own[feature + 1] = slope * deviations[feature]
      own[0] += slope * (means[feature] - other.means[feature])
    }
    return own
  }

  /// Theta for features in the data's own units.
  func ownUnits(_ theta: [Double]) -> [Double] {
    var own = theta
    for feature in means.indices {
      own[feature + 1] = theta[feature + 1] / deviations[feature]
      own[0] -= own[feature + 1] * means[feature]
    }
    return own
  }
}
