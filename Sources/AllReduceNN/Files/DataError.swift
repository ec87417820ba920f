/// An error in a data file: the place, what was expected there and what was found.
///
/// Its description is one sentence that ends with what to do next.
public struct DataError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The path of the file, or the name of the data.
  package let file: String
  /// The line, from 1; nil if the error is about the whole file.
  package var line: Int?
  /// The column, from 1; nil if the error is about the whole line.
  package let column: Int?
  /// The name of the column; nil if it is not known.
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

  /// The file, the place in it, what was expected, what was found, and what to do next.
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

  /// Returns the same error with the line number in the whole file, after only a part of the file was read.
  ///
  /// - Parameter count: The number of lines before the part that was read.
  /// - Returns: The error with the line number in the whole file.
  package func shifted(byLines count: Int) -> DataError {
    var shifted = self
    if let line { shifted.line = line + count }
    return shifted
  }

  /// Returns the same error with a different name for the file.
  package func renamed(_ file: String) -> DataError {
    DataError(
      file: file, line: line, column: column, columnName: columnName, expected: expected,
      found: found, advice: advice)
  }

  /// Returns a text on one line, cut to 40 characters, for a message. Invisible characters, such as a no-break space,
  /// are written as their code points: `3<U+00A0>`.
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
