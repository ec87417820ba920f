/// Reads rows of numbers from a range of bytes.
struct CSVReader {
  let path: String
  let columns: [String]
  let hasHeader: Bool

  /// The numbers of all rows, row by row.
  ///
  /// - Parameters:
  ///   - from: The beginning of a line.
  ///   - to: The end of the last line.
  ///   - linesBefore: The number of lines skipped before `from`, for messages.
  ///   - rows: At least the number of rows in the file.
  ///   - file: The file of the bytes; nil for bytes that are not of a file.
  /// - Returns: A number for each column of each row.
  /// - Throws: ``DataError`` for the first line that is wrong.
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

  /// The numbers on a line that is not plain: quoted ones, or an error that says what is wrong.
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
