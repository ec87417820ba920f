/// Rows of a table as examples: one column is the class, the others are the inputs.
package struct TableDataset: Dataset {
  /// The file, for messages.
  package let name: String
  /// The number of classes, those of the test rows included.
  package let classCount: Int
  private let columns: Int
  private let inputs: [Float]
  private let labels: [Int32]

  /// The number of rows.
  package var count: Int { labels.count }
  /// `[columns]`, the class's left out.
  package var exampleShape: Shape { [columns] }

  fileprivate init(name: String, classCount: Int, columns: Int, inputs: [Float], labels: [Int32]) {
    (self.name, self.classCount, self.columns) = (name, classCount, columns)
    (self.inputs, self.labels) = (inputs, labels)
  }

  /// Copies the inputs and labels of some rows.
  package func fill(
    _ examples: [Int], inputs: Tensor<Float>, labels: UnsafeMutableBufferPointer<Int32>
  ) {
    checkFill(examples, inputs, labels)
    for (place, example) in examples.enumerated() {
      labels[place] = self.labels[example]
      let row = self.inputs[example * columns..<(example + 1) * columns]
      _ = UnsafeMutableBufferPointer(
        rebasing: inputs.values[place * columns..<(place + 1) * columns]
      ).update(fromContentsOf: row)
    }
  }
}

extension ClassificationData {
  /// Reads a table of numbers of which one column is the class, 0, 1, 2, ...
  ///
  /// Rows are drawn for the test by a seed. Each input is scaled to mean 0 and deviation 1 over the rows that are
  /// learned from. The whole table is kept, 4 bytes a number.
  ///
  /// - Parameters:
  ///   - path: A CSV file (``NumericTable``).
  ///   - target: The class's column: its name, or its number from 1.
  ///   - testShare: Which share of the rows is only tested on, above 0 and below 1.
  ///   - seed: What draws them.
  /// - Throws: ``DataError`` with the line and the column.
  public init(csv path: String, target: String, testShare: Double = 0.2, seed: UInt64 = 1) throws {
    precondition(testShare > 0 && testShare < 1, "a share of \(testShare) is not between 0 and 1")
    let table = try NumericTable(csv: path, part: 0, of: 1)
    let place = try table.columnIndex(target)
    let (rows, columns) = (table.values.rows, table.values.columns)
    var labels: [Int32] = []
    for row in 0..<rows {
      let value = table.values[row, place]
      guard value >= 0, value < 1_048_576, value == value.rounded() else {
        throw DataError(
          file: path, line: row + (table.hasHeader ? 2 : 1), columnName: table.columnNames[place],
          expected: "a class, 0, 1, 2, ...", found: "\(value)", advice: "number the classes from 0")
      }
      labels.append(Int32(value))
    }
    let testCount = min(max(Int(Double(rows) * testShare), 1), rows - 1)
    guard testCount >= 1 else {
      throw DataError(
        file: path, expected: "two rows or more", found: "\(rows)",
        advice: "add rows to learn from and to test on")
    }
    let order = RandomPermutation(count: rows, seed: seed, stream: 0)
    let shuffled = (0..<rows).map { order.place(of: $0) }
    let learned = shuffled[testCount...]
    let others = (0..<columns).filter { $0 != place }
    let scales = others.map { column -> (mean: Double, deviation: Double) in
      let mean = learned.reduce(0) { $0 + table.values[$1, column] } / Double(learned.count)
      let variance = learned.reduce(0) {
        $0 + (table.values[$1, column] - mean) * (table.values[$1, column] - mean)
      }
      let deviation = (variance / Double(learned.count)).squareRoot()
      return (mean, deviation > 0 ? deviation : 1)
    }
    let classCount = Int(labels.max() ?? 0) + 1
    func dataset(_ chosen: ArraySlice<Int>, _ name: String) -> TableDataset {
      TableDataset(
        name: name, classCount: classCount, columns: others.count,
        inputs: chosen.flatMap { row in
          zip(others, scales).map { Float((table.values[row, $0] - $1.mean) / $1.deviation) }
        },
        labels: chosen.map { labels[$0] })
    }
    self.init(
      alike: dataset(learned, path), dataset(shuffled[..<testCount], "\(path), rows to test on"))
  }
}
