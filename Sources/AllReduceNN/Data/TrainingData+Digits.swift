extension TrainingData {
  /// Reads the handwritten digits that come with the project. Each line of the file has 8 x 8 pixels from 0 to 16, and
  /// the label. The last 297 digits are for testing.
  ///
  /// - Parameter path: `data/digits.csv.gz`, or a file in the same format.
  /// - Throws: ``DataError`` with the line and the column of the error.
  public init(digits path: String) throws {
    let table = try NumericTable(csv: path, part: 0, of: 1)
    let (rows, size, testing) = (table.values.rows, 64, 297)
    func wrong(_ line: Int?, _ column: Int?, _ expected: String, _ found: String) -> DataError {
      DataError(
        file: path, line: line, column: column, expected: expected, found: found,
        advice: "use the file as it came with the project")
    }
    guard table.columnNames.count == size + 1 else {
      throw wrong(
        1, nil, "\(size) pixels and a label, \(size + 1) numbers", "\(table.columnNames.count)")
    }
    guard rows > testing else {
      throw wrong(nil, nil, "more than the \(testing) digits that are for testing", "\(rows)")
    }
    var (pixels, labels) = ([UInt8](), [UInt8]())
    pixels.reserveCapacity(rows * size)
    for row in 0..<rows {
      for column in 0...size {
        let value = table.values[row, column]
        let most = column == size ? 9.0 : 16
        guard value >= 0, value <= most, value == value.rounded() else {
          throw wrong(
            row + (table.hasHeader ? 2 : 1), column + 1, "a whole number from 0 to \(Int(most))",
            "\(value)")
        }
        if column == size { labels.append(UInt8(value)) } else { pixels.append(UInt8(value)) }
      }
    }
    func part(_ range: Range<Int>) -> ImageDataset {
      ImageDataset(
        name: path, shape: [8, 8, 1],
        pixels: Array(pixels[range.lowerBound * size..<range.upperBound * size]),
        labels: Array(labels[range]), classCount: 10, whitest: 16)
    }
    try self.init(training: part(0..<rows - testing), test: part(rows - testing..<rows))
    format = ExampleFormat(inputs: .divided(by: 16))
  }
}
