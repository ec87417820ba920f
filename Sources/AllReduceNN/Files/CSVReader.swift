/// Reads rows of numbers from a range of the bytes of a CSV file.
struct CSVReader {
  let path: String
  let columns: [String]
  let hasHeader: Bool

  /// Reads the numbers of all rows, row by row.
  ///
  /// - Parameters:
  ///   - from: The start of a line.
  ///   - to: The end of the last line.
  ///   - linesBefore: The number of lines skipped before `from`, for messages.
  ///   - rows: An upper bound on the number of rows, for which memory is allocated.
  ///   - file: The file that the bytes belong to; nil for bytes that are not in a file.
  /// - Returns: A number for each column of each row.
  /// - Throws: ``DataError`` for the first line that is not valid.
  func readRows(
    from: UnsafePointer<UInt8>, to: UnsafePointer<UInt8>, linesBefore: Int, atMost rows: Int,
    of file: FileBytes? = nil
  ) throws(DataError) -> [Double] {
    guard MemoryShortage.allows(rows * columns.count * MemoryLayout<Double>.stride) else {
      throw MemoryShortage.tooLarge(path, "read as numbers", after: to - from)
    }
    var failure: DataError?
    let elements = [Double](unsafeUninitializedCapacity: rows * columns.count) { buffer, count in
      count = 0
      guard var output = buffer.baseAddress else { return }
      var at = from
      var lineNumber = linesBefore
      var read = ReadBytes(of: file, from: from)
      while at < to {
        let (line, next) = CSVLine.line(at: at, limit: to)
        read.reach(at)
        at = next
        lineNumber += 1
        if !line.readNumbers(into: output, count: columns.count) {
          if line.isBlank { continue }
          do throws(DataError) {
            for (column, value) in try numbers(on: line, lineNumber).enumerated() {
              output[column] = value
            }
          } catch {
            failure = error
            return
          }
        }
        output += columns.count
        count += columns.count
      }
    }
    if let failure { throw failure }
    return elements
  }

  /// Reads the numbers on a line that is not plain, such as one with quotes. Throws an error that says what is wrong
  /// with an invalid line.
  private func numbers(on line: CSVLine, _ lineNumber: Int) throws(DataError) -> [Double] {
    guard let fields = line.fields() else {
      throw CSVHead.unclosedQuote(path, line: lineNumber)
    }
    guard fields.count == columns.count else {
      throw DataError(
        file: path, line: lineNumber,
        expected: "\(columns.count) fields, as in the first line",
        found: "\(fields.count)", advice: "correct or remove the line")
    }
    var numbers: [Double] = []
    for (index, field) in fields.enumerated() {
      guard let number = field.number else {
        throw DataError(
          file: path, line: lineNumber, column: index + 1,
          columnName: hasHeader ? columns[index] : nil, expected: "a finite number",
          found: field.text.isEmpty ? "nothing" : "\"\(DataError.legible(field.text))\"",
          advice: "correct or remove the line")
      }
      numbers.append(number)
    }
    return numbers
  }
}
