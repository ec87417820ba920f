extension ExampleTable {
  /// Reads a CSV file (its format: ``NumericTable/init(csv:)``) in one pass, in little more memory than the inputs
  /// need.
  ///
  /// Targets that are classes may be words. A first column without a name that counts the rows, as pandas and R write
  /// it, or that has words, is ignored. With the format of a training run, the columns of that run are found by their
  /// names, in any order, and other columns are ignored.
  ///
  /// - Parameters:
  ///   - path: The file, which may be compressed with gzip.
  ///   - choice: The roles of the columns.
  ///   - allowsPipes: Whether the file may be a pipe, which only one rank may read.
  /// - Throws: ``DataError`` with the line and the column of the error.
  package init(csv path: String, _ choice: ColumnChoice, allowsPipes: Bool = false) throws {
    let file = try FileBytes(path: path, allowsPipes: allowsPipes)
    self = try withExtendedLifetime(file) {
      try ExampleTable(file.bytes, path, choice, of: file)
    }
  }

  /// Reads the bytes of a CSV file; see ``init(csv:_:allowsPipes:)``.
  init(
    _ bytes: UnsafeBufferPointer<UInt8>, _ path: String, _ choice: ColumnChoice,
    of file: FileBytes? = nil
  ) throws(DataError) {
    let words = ([choice.target].compactMap { $0 } + choice.ignored).compactMap { Int($0) }
    let head = try CSVHead(bytes, path, words: Set(words.map { $0 - 1 }))
    guard let base = bytes.baseAddress else { preconditionFailure("a file with a line is empty") }
    let limit = base + bytes.count
    let roles = try CSVRoles(head, path, choice, firstRows: CSVRoles.rows(head.rows, limit))
    var reader = CSVExampleReader(path: path, head: head, roles: roles, kind: choice.kind)
    let first = NumericTable.lineEnds(base, head.rows)
    let scaling = choice.format?.inputs
    let read: (inputs: [Element], rows: Int) = try reader.read(
      head.rows, limit, linesBefore: first,
      atMost: NumericTable.countLines(head.rows, limit, of: file),
      scaling: scaling, of: file)
    guard read.rows > 0 else {
      throw DataError(
        file: path, line: 2, expected: "a row of \(head.names.count) fields",
        found: "only a header", advice: "add the data below it")
    }
    var notes = roles.notes
    if !head.hasHeader {
      notes.append("\(path) has no header: its first line counts as a row.")
    }
    self.file = path
    self.notes = notes
    count = read.rows
    shape = [roles.inputs]
    inputs = read.inputs
    origins = scaling == nil ? reader.origins : nil
    var format = choice.format ?? ExampleFormat()
    if choice.format == nil { format.columns = roles.names }
    guard let target = roles.target else {
      targets = .none
      self.format = format
      return
    }
    format.target = head.names[target]
    switch choice.kind {
    case .numbers: targets = .numbers(reader.values, shape: [1])
    case .classes:
      var labels = reader.labels
      let column = head.names[target]
      if let known = choice.format?.classes {
        try reader.classes.settle(&labels, as: known, path, column: column)
      } else {
        format.classes = try reader.classes.settle(&labels, path, column: column)
      }
      targets = .classes(labels, names: format.classes)
    }
    self.format = format
  }
}

/// Reads the rows of a CSV file into inputs and targets.
struct CSVExampleReader {
  let path: String
  let head: CSVHead
  let roles: CSVRoles
  let kind: ColumnChoice.Kind
  /// The inputs of the first row, which are subtracted from the inputs of all rows if no scaling is given.
  private(set) var origins: [Double] = []
  /// The class of each row, numbered in the order in which classes first occur; empty if targets are numbers.
  private(set) var labels: [Int32] = []
  /// The target of each row if targets are numbers; otherwise empty.
  private(set) var values: [Double] = []
  private(set) var classes = ClassNames()

  init(path: String, head: CSVHead, roles: CSVRoles, kind: ColumnChoice.Kind) {
    (self.path, self.head, self.roles, self.kind) = (path, head, roles, kind)
  }

  /// Reads all rows in a range of bytes.
  ///
  /// - Returns: The inputs, and the number of rows. With a scaling, the inputs are scaled; without one, the inputs of
  ///   the first row are subtracted from them.
  @_specialize(where Element == Float)
  @_specialize(where Element == Double)
  mutating func read<Element: NetworkScalar>(
    _ from: UnsafePointer<UInt8>, _ to: UnsafePointer<UInt8>, linesBefore: Int, atMost rows: Int,
    scaling: Scaling?, of file: FileBytes?
  ) throws(DataError) -> (inputs: [Element], rows: Int) {
    let width = roles.inputs
    guard MemoryShortage.allows(rows * (width * MemoryLayout<Element>.stride + 8)) else {
      throw MemoryShortage.tooLarge(path, "read as numbers", after: to - from)
    }
    var failure: DataError?
    var count = 0
    if roles.target != nil {
      if kind == .classes { labels.reserveCapacity(rows) } else { values.reserveCapacity(rows) }
    }
    let inputs = [Element](unsafeUninitializedCapacity: rows * width) { buffer, initialized in
      withUnsafeTemporaryAllocation(of: Double.self, capacity: max(width, 1)) { row in
        let row = row.baseAddress!
        let shifts = UnsafeMutablePointer<Double>.allocate(capacity: max(width, 1))
        let factors = UnsafeMutablePointer<Double>.allocate(capacity: max(width, 1))
        defer {
          shifts.deallocate()
          factors.deallocate()
        }
        for column in 0..<width {
          shifts[column] = scaling.map { $0.means[$0.means.count == 1 ? 0 : column] } ?? 0
          factors[column] =
            scaling.map { $0.deviations[$0.deviations.count == 1 ? 0 : column] } ?? 1
        }
        var (at, line) = (from, linesBefore)
        var passed = ReadBytes(of: file, from: from)
        while at < to {
          let (text, next) = CSVLine.line(at: at, limit: to)
          passed.reach(at)
          at = next
          line += 1
          do throws(DataError) {
            guard try readRow(text, line, into: row) else { continue }
          } catch {
            failure = error
            return
          }
          if count == 0, scaling == nil {
            for column in 0..<width { shifts[column] = row[column] }
            origins = Array(UnsafeBufferPointer(start: row, count: width))
          }
          if let output = buffer.baseAddress {
            let output = output + count * width
            for column in 0..<width {
              output[column] = Element((row[column] - shifts[column]) / factors[column])
            }
          }
          count += 1
        }
      }
      initialized = count * width
    }
    if let failure { throw failure }
    return (inputs, count)
  }

  /// Reads a line; returns false if the line is blank.
  private mutating func readRow(
    _ line: CSVLine, _ number: Int, into row: UnsafeMutablePointer<Double>
  ) throws(DataError) -> Bool {
    var at = line.start
    let end = line.end
    var (label, value): (Int32, Double) = (-1, 0)
    let last = roles.places.count - 1
    // The usual case is plain numbers between commas; any other line is read again, by `readSlowly`.
    for (column, place) in roles.places.enumerated() {
      while at < end, CSVLine.isSpace(at.pointee) { at += 1 }
      switch place {
      case .input(let index):
        guard let next = NumberParser.parse(at, end, into: &row[index]), row[index].isFinite else {
          return try readSlowly(line, number, into: row)
        }
        at = next
      case .target where kind == .numbers:
        guard let next = NumberParser.parse(at, end, into: &value), value.isFinite else {
          return try readSlowly(line, number, into: row)
        }
        at = next
      case .target, .ignored:
        let start = at
        while at < end, at.pointee != 0x2C {
          if at.pointee == 0x22 {
            return try readSlowly(line, number, into: row)
          }
          at += 1
        }
        var stop = at
        while stop > start, CSVLine.isSpace(stop[-1]) { stop -= 1 }
        if case .target = place {
          guard stop > start else { return try readSlowly(line, number, into: row) }
          label = classes.number(
            of: UnsafeBufferPointer(start: start, count: stop - start), line: number)
        }
      }
      while at < end, CSVLine.isSpace(at.pointee) { at += 1 }
      if column < last {
        guard at < end, at.pointee == 0x2C else {
          return try readSlowly(line, number, into: row)
        }
        at += 1
      }
    }
    guard at == end else { return try readSlowly(line, number, into: row) }
    if roles.target != nil {
      if kind == .classes { labels.append(label) } else { values.append(value) }
    }
    return true
  }

  /// Reads a line that is not plain: one with quotes, a blank one, or an invalid one. Returns false if the line is
  /// blank.
  private mutating func readSlowly(
    _ line: CSVLine, _ number: Int, into row: UnsafeMutablePointer<Double>
  ) throws(DataError) -> Bool {
    if line.isBlank { return false }
    guard let fields = line.fields() else { throw CSVHead.unclosedQuote(path, line: number) }
    guard fields.count == roles.places.count else {
      let hasMore = head.hasHeader && fields.count == roles.places.count + 1
      throw DataError(
        file: path, line: number,
        expected: "\(roles.places.count) fields, as in the first line",
        found: "\(fields.count)",
        advice: hasMore
          ? "correct the line; if all rows have one field more, the header lacks a name for the index column, which "
            + "R's write.table leaves out: use write.csv"
          : "correct or remove the line")
    }
    for (column, place) in roles.places.enumerated() {
      let field = fields[column]
      func wrong(_ expected: String) -> DataError {
        DataError(
          file: path, line: number, column: column + 1,
          columnName: head.hasHeader ? head.names[column] : nil, expected: expected,
          found: field.text.isEmpty ? "nothing" : "\"\(DataError.legible(field.text))\"",
          advice: "correct or remove the line")
      }
      switch place {
      case .input(let index):
        guard let value = field.number else { throw wrong("a finite number") }
        row[index] = value
      case .target where kind == .numbers:
        guard let value = field.number else { throw wrong("a finite number") }
        values.append(value)
      case .target:
        guard !field.text.isEmpty else { throw wrong("a class") }
        labels.append(classes.number(of: field.text, line: number))
      case .ignored: break
      }
    }
    return true
  }
}
