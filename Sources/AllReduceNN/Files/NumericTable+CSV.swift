extension NumericTable {
  /// Reads a file of comma-separated numbers.
  ///
  /// The first line is a header if none of its fields is a number, except numbers in quotes; a line with both numbers
  /// and words is an error. Numbers are decimal and finite: nan, inf and empty fields are errors, because nothing can
  /// be computed with them. Lines end with LF or CRLF, which the last line may lack. Blank lines, a byte order mark,
  /// and spaces or quotes around a field are ignored. A quoted text must end on its line. The file is read once, at
  /// about the speed of the parser, and no text is kept.
  ///
  /// - Parameter path: The file, which may be compressed with gzip, or a pipe.
  /// - Throws: ``DataError`` with the line and the column of the error.
  package init(csv path: String) throws {
    try self.init(csv: path, part: 0, of: 1, allowsPipes: true)
    if values.rows == 0 { throw withoutRows() }
  }

  /// Reads one of several parts, of equal numbers of bytes, of a file: the lines that begin in that part.
  ///
  /// Together, the parts have every row once, in order. A part may have no rows. An error's line is counted from the
  /// first line of the part; add the ``lineCount`` of all parts before it to get the line in the file
  /// (``DataError/shifted(byLines:)``).
  ///
  /// - Parameters:
  ///   - path: The file, which must be a regular file.
  ///   - part: The part to read, from 0.
  ///   - parts: The number of parts.
  /// - Throws: ``DataError`` with the line within the part, and the column.
  /// - Precondition: The part is within 0..<parts.
  package init(csv path: String, part: Int, of parts: Int) throws {
    try self.init(csv: path, part: part, of: parts, allowsPipes: false)
  }

  private init(csv path: String, part: Int, of parts: Int, allowsPipes: Bool) throws {
    precondition(parts > 0 && part >= 0 && part < parts, "part \(part) of \(parts) does not exist")
    let file = try FileBytes(path: path, allowsPipes: allowsPipes)
    self = try withExtendedLifetime(file) {
      try NumericTable.read(file, path, part: part, of: parts)
    }
  }

  private static func read(
    _ file: FileBytes, _ path: String, part: Int, of parts: Int
  ) throws(DataError) -> NumericTable {
    let bytes = file.bytes
    // Every part reads the head of the file, to know the columns.
    let head = try CSVHead(bytes, path)
    guard let base = bytes.baseAddress else { preconditionFailure("a file with a line is empty") }
    let limit = base + bytes.count
    let from = lineStart(bytes.count * part / parts, base, limit)
    let to = lineStart(bytes.count * (part + 1) / parts, base, limit)
    let reader = CSVReader(path: path, columns: head.names, hasHeader: head.hasHeader)
    let lineCount = countLines(from, to, of: file)
    // What comes before the rows is not read again: a byte order mark, blank lines, the header.
    let rows = max(from, min(head.rows, to))
    let elements = try reader.readRows(
      from: rows, to: to, linesBefore: lineEnds(from, rows), atMost: lineCount, of: file)
    return NumericTable(
      file: path, columnNames: head.names, hasHeader: head.hasHeader,
      values: Matrix(
        rows: elements.count / head.names.count, columns: head.names.count, elements: elements),
      lineCount: lineCount)
  }

  /// Returns the start of the first line that begins at or after an offset.
  private static func lineStart(
    _ offset: Int, _ base: UnsafePointer<UInt8>, _ limit: UnsafePointer<UInt8>
  ) -> UnsafePointer<UInt8> {
    if offset == 0 { return base }
    return CSVLine.line(at: base + offset - 1, limit: limit).next
  }

  static func countLines(
    _ from: UnsafePointer<UInt8>, _ to: UnsafePointer<UInt8>, of file: FileBytes? = nil
  ) -> Int {
    var count = 0
    var at = from
    var read = ReadBytes(of: file, from: from)
    while at < to {
      at = CSVLine.line(at: at, limit: to).next
      count += 1
      read.reach(at)
    }
    return count
  }

  static func lineEnds(
    _ from: UnsafePointer<UInt8>, _ to: UnsafePointer<UInt8>
  ) -> Int {
    UnsafeBufferPointer(start: from, count: to - from).count { $0 == 0x0A }
  }
}
