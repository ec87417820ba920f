import AllReduce

/// Consecutive examples of the data: those of one rank, or all of them.
struct Examples {
  /// The design matrix, [rows, 1 + features]: a 1 for the intercept, then the features.
  var design: Matrix<Double>
  /// The target of each row.
  var targets: [Double]
  /// The index of the first of these examples among the examples of all ranks.
  let first: Int

  /// The number of examples.
  var count: Int { targets.count }

  /// Splits rows of numbers into features and target.
  ///
  ///   - values: The numbers, row after row, `columns` in each row.
  ///   - values: Rows of `columns` numbers.
  ///   - columns: The number of columns.
  ///   - target: The index of the column to predict.
  ///   - first: The index of the first row among the examples of all ranks.
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
