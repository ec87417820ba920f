/// An error in a data file: the place, what was expected there and what was found.
///
/// Its description is one sentence that ends with what to do next.
public struct DataError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The path of the file, or the name of the data.
  package let file: String
  /// The line, from 1; nil if the whole file is meant.
  package var line: Int?
  /// The column, from 1; nil if the whole line is meant.
  package let column: Int?
  /// The name of the column if the file has a header.
  package let columnName: String?
  /// The expected content.
  package let expected: String
  /// The actual content.
  package let found: String
  /// Advice on what to do next.
  package let advice: String

  /// Creates an error about a place in a file.
  ///
  /// - Parameters:
  ///   - file: The path of the file, or the name of the data.
  ///   - line: The line, from 1.
  ///   - column: The column, from 1.
  ///   - columnName: The name of the column.
  ///   - expected: The expected content.
  ///   - found: The actual content.
  ///   - advice: Advice on what to do next.
  package init(
    file: String, line: Int? = nil, column: Int? = nil, columnName: String? = nil,
    expected: String, found: String, advice: String
  ) {
    self.file = file
    self.line = line
    self.column = column
    self.columnName = columnName
    self.expected = expected
    self.found = found
    self.advice = advice
  }

  /// The place, what was expected, what was found, and what to do.
  public var description: String {
    var text = file
    if let line { text += ", line \(line)" }
    if let column {
      text += ", column \(column)"
      if let columnName { text += " (\(DataError.legible(columnName)))" }
    } else if let columnName {
      text += ", column \(DataError.legible(columnName))"
    }
    return text + ": expected \(expected), found \(found); \(advice)"
  }

  /// The same error with line numbers of the whole file, where a part of it was read.
  ///
  /// - Parameter count: How many lines stand before the part that was read.
  /// - Returns: The error with the line's number in the whole file.
  package func shifted(byLines count: Int) -> DataError {
    var shifted = self
    if let line { shifted.line = line + count }
    return shifted
  }

  /// The same error about what has another name for people.
  package func renamed(_ file: String) -> DataError {
    DataError(
      file: file, line: line, column: column, columnName: columnName, expected: expected,
      found: found, advice: advice)
  }

  /// A text on one line, with a length that fits a message. What would not be seen, such as a space that is
  /// none of the keyboard's, is written as its number: `3<U+00A0>`.
  package static func legible(_ text: some StringProtocol) -> String {
    var clean = ""
    for scalar in text.unicodeScalars.prefix(40) {
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator, .unassigned:
        clean += number(of: scalar)
      case .spaceSeparator where scalar != " ": clean += number(of: scalar)
      default: clean.unicodeScalars.append(scalar)
      }
    }
    return text.unicodeScalars.count > 40 ? clean + "..." : clean
  }

  private static func number(of scalar: Unicode.Scalar) -> String {
    let digits = String(scalar.value, radix: 16, uppercase: true)
    return "<U+" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits + ">"
  }
}
