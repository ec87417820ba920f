#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The first line of a CSV file that is not blank, and what it says about the columns.
///
/// The line is a header if every field is a name: a text that is not a number, or a text in quotes. It is a row if
/// every field is a number. A line with both is refused, because a row that has a word in it would be lost if it were
/// taken as a header.
struct CSVHead {
  /// The name of each column; "column 1" and so on where the line gives none.
  let names: [String]
  let hasHeader: Bool
  /// Whether the header gives the first column no name, or the name that pandas gives a column that has none.
  let firstIsUnnamed: Bool
  /// The first byte of the first row.
  let rows: UnsafePointer<UInt8>

  /// Reads the first line that is not blank.
  ///
  /// - Parameters:
  ///   - bytes: The whole file.
  ///   - path: The path of the file, for messages.
  ///   - wordColumns: The columns, from 0, that may have words in rows. A line that has numbers, and words only in
  ///     these columns, is a row.
  /// - Throws: ``DataError`` if there is no such line, or if it is neither a header nor a row.
  init(
    _ bytes: UnsafeBufferPointer<UInt8>, _ path: String, words wordColumns: Set<Int> = []
  ) throws(DataError) {
    let empty = DataError(
      file: path, expected: "rows of comma-separated numbers", found: "an empty file",
      advice: "check that it was written completely")
    guard let base = bytes.baseAddress, bytes.count > 0 else { throw empty }
    let limit = base + bytes.count
    let hasMark = bytes.count >= 3 && base[0] == 0xEF && base[1] == 0xBB && base[2] == 0xBF

    var head = CSVLine.line(at: hasMark ? base + 3 : base, limit: limit)
    var number = 1
    while head.line.isBlank {
      guard head.next < limit else { throw empty }
      head = CSVLine.line(at: head.next, limit: limit)
      number += 1
    }
    if memchr(head.line.start, 0x0D, head.line.end - head.line.start) != nil {
      throw DataError(
        file: path, line: number, expected: "lines that end with LF or CRLF",
        found: "CR alone between lines", advice: "convert it: tr '\\r' '\\n' <FILE >NEW")
    }
    guard let fields = head.line.fields() else { throw CSVHead.unclosedQuote(path, line: number) }
    let hasHeader = try CSVHead.isHeader(fields, path, line: number, words: wordColumns)
    self.hasHeader = hasHeader
    firstIsUnnamed = hasHeader && ["", "Unnamed: 0"].contains(fields[0].text)
    names = fields.enumerated().map { index, field in
      hasHeader && !field.text.isEmpty ? field.text : "column \(index + 1)"
    }
    rows = hasHeader ? head.next : head.line.start
  }

  private static func isHeader(
    _ fields: [CSVLine.Field], _ path: String, line: Int, words wordColumns: Set<Int>
  ) throws(DataError) -> Bool {
    let words = fields.indices.filter { fields[$0].number == nil }
    guard let first = words.first else { return false }
    let hasNumbers = fields.contains { $0.number != nil && !$0.isQuoted }
    for (separator, name) in [(";" as Character, "semicolons"), ("\t", "tabs")]
    where (hasNumbers || fields.count == 1)
      && words.contains(where: { !fields[$0].isQuoted && fields[$0].text.contains(separator) })
    {
      throw DataError(
        file: path, line: line, expected: "fields between commas, and a point for decimals",
        found: "\(name) between fields",
        advice: "save it with commas between fields, or convert it: first decimal commas to "
          + "points, then \(name) to commas")
    }
    guard hasNumbers else { return true }
    if words.allSatisfy(wordColumns.contains) { return false }
    let text = fields[first].text
    throw DataError(
      file: path, line: line, column: first + 1,
      expected: "a row of numbers, or a header of names",
      found: (text.isEmpty ? "nothing" : "\"\(DataError.legible(text))\"") + " beside numbers",
      advice: "correct the row, or put quotes around the names of a header that are numbers")
  }

  static func unclosedQuote(_ path: String, line: Int) -> DataError {
    DataError(
      file: path, line: line, expected: "each quoted text to end before a comma or the line's end",
      found: "a quote that does not", advice: "correct or remove the quote")
  }
}
