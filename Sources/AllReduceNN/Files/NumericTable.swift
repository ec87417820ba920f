/// A table of numbers with named columns.
package struct NumericTable: Sendable {
  /// The origin of the table, for messages.
  package let file: String
  /// The name of each column.
  package let columnNames: [String]
  /// Whether the names come from the file; otherwise they are "column 1" and so on.
  package let hasHeader: Bool
  /// The numbers, `[rows, columns]`.
  package let values: Matrix<Double>
  /// The number of lines of text from which this table, or this part of a table, was read.
  package let lineCount: Int

  /// Returns the index, from 0, of the column with a name or, if no column has it, with a number from 1.
  ///
  /// - Parameter nameOrNumber: A column's name in the header, or its number. A name takes precedence.
  /// - Returns: An index into ``columnNames``.
  /// - Throws: ``DataError`` if there is no such column, or if several columns have that name.
  package func columnIndex(_ nameOrNumber: String) throws(DataError) -> Int {
    let matches = columnNames.indices.filter { columnNames[$0] == nameOrNumber }
    if matches.count == 1 || (matches.count > 1 && !hasHeader) { return matches[0] }
    if matches.count > 1 {
      throw DataError(
        file: file, line: 1, columnName: nameOrNumber, expected: "one column of that name",
        found: "\(matches.count)", advice: "give the column's number instead")
    }
    if let number = Int(nameOrNumber), number >= 1, number <= columnNames.count {
      return number - 1
    }
    var names = columnNames.prefix(12).map { DataError.legible($0) }
    if columnNames.count > names.count { names.append("...") }
    throw DataError(
      file: file, columnName: nameOrNumber, expected: "a column of that name or number",
      found: hasHeader
        ? "only \(names.joined(separator: ", "))"
        : "no header, because the first line has only numbers",
      advice: hasHeader
        ? "use one of the names or a number from 1 to \(columnNames.count)"
        : "use a number from 1 to \(columnNames.count); if the first line has the names of columns, "
          + "remove it, because it counts as a row")
  }

  /// Creates the error for a file that has a header and no rows.
  ///
  /// A part of a file may have no rows; a reader of parts throws this error if none of the parts has any.
  ///
  /// - Returns: The error to throw.
  package func withoutRows() -> DataError {
    DataError(
      file: file, line: 2, expected: "a row of \(columnNames.count) numbers",
      found: "only a header", advice: "add the data below it")
  }
}
