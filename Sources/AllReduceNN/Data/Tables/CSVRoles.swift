/// The role of each column of a CSV file.
struct CSVRoles {
  /// The role of one column.
  enum Place {
    /// An input; the value is its index among the inputs.
    case input(Int)
    case target
    case ignored
  }

  /// The role of each column, in the order of the columns.
  let places: [Place]
  /// The number of columns that are inputs.
  let inputs: Int
  /// The names of the input columns, in the order of the inputs.
  let names: [String]
  /// The index of the target's column, from 0; nil if there is none.
  let target: Int?
  /// Remarks for the user on how the columns are read.
  let notes: [String]

  /// Determines the role of each column.
  ///
  /// - Parameters:
  ///   - head: The first line of the file.
  ///   - path: The path of the file, for messages.
  ///   - choice: The target, and the columns to ignore.
  ///   - firstRows: The fields of the first two rows.
  /// - Throws: ``DataError`` if a requested column does not exist, or if there is no input.
  init(
    _ head: CSVHead, _ path: String, _ choice: ColumnChoice, firstRows: [[CSVLine.Field]]
  ) throws(DataError) {
    let table = NumericTable(
      file: path, columnNames: head.names, hasHeader: head.hasHeader,
      values: Matrix(rows: 0, columns: head.names.count, elements: []), lineCount: 0)
    var notes: [String] = []
    var ignored: Set<Int> = []
    for name in choice.ignored { ignored.insert(try table.columnIndex(name)) }
    target = try choice.target.map { name throws(DataError) in try table.columnIndex(name) }
    if let known = choice.format?.columns {
      (places, names) = (try CSVRoles.places(of: known, in: table, target), known)
      (inputs, self.notes) = (known.count, [])
      return
    }
    if head.hasHeader, target != 0, !ignored.contains(0), head.firstIsUnnamed,
      head.names.count > 1, let what = CSVRoles.index(firstRows)
    {
      ignored.insert(0)
      notes.append(
        "\(path): the first column has no name and \(what), as an index that pandas or R wrote: it is passed over."
      )
    }
    var (places, names): ([Place], [String]) = ([], [])
    for (column, name) in head.names.enumerated() {
      if column == target {
        places.append(.target)
      } else if ignored.contains(column) {
        places.append(.ignored)
      } else {
        places.append(.input(names.count))
        names.append(name)
      }
    }
    guard !names.isEmpty else {
      throw DataError(
        file: path, expected: "the target and one input or more",
        found: "\(head.names.count) column\(head.names.count == 1 ? "" : "s")",
        advice: "add a column of what the target depends on")
    }
    (self.places, self.names, inputs, self.notes) = (places, names, names.count, notes)
  }

  /// Finds the input columns of a training run in another file, and returns the role of each column of that file.
  private static func places(
    of known: [String], in table: NumericTable, _ target: Int?
  ) throws(DataError) -> [Place] {
    var places = [Place](repeating: .ignored, count: table.columnNames.count)
    // Columns without names are the inputs, in order, if there is one for each input and no target.
    let isBare = !table.hasHeader && table.columnNames.count == known.count && target == nil
    for (index, name) in known.enumerated() {
      if isBare {
        places[index] = .input(index)
        continue
      }
      let found = table.columnNames.indices.filter { table.columnNames[$0] == name }
      guard found.count == 1 else {
        throw DataError(
          file: table.file, line: 1, columnName: name,
          expected: "the \(known.count) columns of the training, this one among them",
          found: found.isEmpty
            ? table.hasHeader
              ? "no such column" : "no header, and \(table.columnNames.count) columns"
            : "\(found.count) of that name",
          advice: "give the file a header with the names that the training's file had")
      }
      places[found[0]] = .input(index)
    }
    if let target { places[target] = .target }
    return places
  }

  /// Returns why the first column is an index (it has words, or numbers that count the rows); nil if it is not an
  /// index.
  private static func index(_ rows: [[CSVLine.Field]]) -> String? {
    guard let first = rows.first?.first else { return nil }
    guard let number = first.number else { return "has words" }
    guard number == 0 || number == 1 else { return nil }
    if rows.count > 1 { guard rows[1].first?.number == number + 1 else { return nil } }
    return "counts the rows"
  }

  /// Returns the fields of the first two rows that are not blank.
  static func rows(
    _ from: UnsafePointer<UInt8>, _ limit: UnsafePointer<UInt8>
  ) -> [[CSVLine.Field]] {
    var rows: [[CSVLine.Field]] = []
    var at = from
    while at < limit, rows.count < 2 {
      let (line, next) = CSVLine.line(at: at, limit: limit)
      at = next
      if !line.isBlank, let fields = line.fields() { rows.append(fields) }
    }
    return rows
  }
}
