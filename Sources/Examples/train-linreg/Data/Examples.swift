import AllReduce

/// Consecutive examples: those of one rank, or all of them.
struct Examples {
  /// [rows, 1 + features]: a one for the intercept, then the features.
  var design: Matrix<Double>
  /// The target, one a row.
  var targets: [Double]
  /// The place of the first of them among the examples of all ranks.
  let first: Int

  /// The number of examples.
  var count: Int { targets.count }

  /// Takes rows of numbers apart into features and target.
  ///
  /// - Parameters:
  ///   - values: Rows of `columns` numbers.
  ///   - columns: The number of columns.
  ///   - target: The column to predict.
  ///   - first: The place of the first row among all.
  init(values: [Double], columns: Int, target: Int, first: Int) {
    let rows = values.count / columns
    var elements: [Double] = []
    elements.reserveCapacity(values.count)
    targets = []
    targets.reserveCapacity(rows)
    for row in 0..<rows {
      elements.append(1)
      for column in 0..<columns {
        let value = values[row * columns + column]
        if column == target { targets.append(value) } else { elements.append(value) }
      }
    }
    design = Matrix(rows: rows, columns: columns, elements: elements)
    self.first = first
  }
}
