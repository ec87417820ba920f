/// The role of each column of a file.
struct CSVRoles {
  /// A column's part.
  enum Place {
    /// An input, and which one.
    case input(Int)
    case target
    case ignored
  }

  /// One a column.
  let places: [Place]
  /// The number of inputs.
  let inputs: Int
  /// The names of the inputs, in their order.
  let names: [String]
  /// The target's column, from 0.
  let target: Int?
  /// Remarks for the user.
  let notes: [String]

  /// Gives each column its part.
  ///
  /// - Parameters:
  ///   - head: The file's first line.
  ///   - path: The file.
  ///   - choice: The target, and the columns to ignore.
  ///   - firstRows: The fields of the first two rows.
  /// - Throws: ``DataError`` if a column that is wanted is not there, or there is no input.
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

  /// The columns of a training run, where they are in another file.
  private static func places(
    of known: [String], in table: NumericTable, _ target: Int?
  ) throws(DataError) -> [Place] {
    var places = [Place](repeating: .ignored, count: table.columnNames.count)
    // Without names, and with as many columns as there are inputs, these are the inputs.
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

  /// Why the first column is an index: it has words, or numbers that count the rows.
  private static func index(_ rows: [[CSVLine.Field]]) -> String? {
    guard let first = rows.first?.first else { return nil }
    guard let number = first.number else { return "has words" }
    guard number == 0 || number == 1 else { return nil }
    if rows.count > 1 { guard rows[1].first?.number == number + 1 else { return nil } }
    return "counts the rows"
  }

  /// The fields of the first two rows that are not blank.
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
