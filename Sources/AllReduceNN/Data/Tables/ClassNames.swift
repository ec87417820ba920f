#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The classes that were found so far while a table is read: texts, numbered in the order in which they first occur.
struct ClassNames {
  private(set) var names: [String] = []
  /// The line in which each class first occurs.
  private var lines: [Int] = []
  private var numbers: [String: Int32] = [:]
  private var latest: (bytes: [UInt8], number: Int32) = ([], -1)

  /// Returns the number of the class with a text, and adds the class if it is new.
  mutating func number(of bytes: UnsafeBufferPointer<UInt8>, line: Int) -> Int32 {
    // Consecutive rows often have the same class.
    if latest.number >= 0, latest.bytes.count == bytes.count, let start = bytes.baseAddress,
      latest.bytes.withUnsafeBufferPointer({ memcmp($0.baseAddress!, start, bytes.count) == 0 })
    {
      return latest.number
    }
    let number = self.number(of: String(decoding: bytes, as: UTF8.self), line: line)
    latest = (Array(bytes), number)
    return number
  }

  mutating func number(of name: String, line: Int) -> Int32 {
    if let number = numbers[name] { return number }
    let number = Int32(names.count)
    numbers[name] = number
    names.append(name)
    lines.append(line)
    return number
  }

  /// Renumbers the classes of all rows, which were numbered in the order in which they first occurred.
  ///
  /// If all classes are whole numbers from 0 on, they are the final numbers. Otherwise the texts are names and are
  /// numbered in an order that does not depend on the order of the rows: numbers first, ascending, then words by their
  /// characters.
  ///
  /// - Parameters:
  ///   - labels: The class of each row, which is renumbered.
  ///   - file: The file, for messages.
  ///   - column: The name of the target's column, for messages.
  /// - Returns: The names of the classes, by their final numbers; nil if the classes have only numbers.
  /// - Throws: ``DataError`` if a text is not a class, or if there are too many classes for the number of rows.
  func settle(
    _ labels: inout [Int32], _ file: String, column: String
  ) throws(DataError) -> [String]? {
    func wrong(_ place: Int, _ expected: String, _ found: String, _ advice: String) -> DataError {
      DataError(
        file: file, line: lines[place], columnName: column, expected: expected, found: found,
        advice: advice)
    }
    if let place = names.firstIndex(of: "") {
      throw wrong(place, "a class", "nothing", "correct or remove the line")
    }
    let values = names.map { CSVLine.Field(text: $0, isQuoted: false).number }
    for (place, value) in values.enumerated() {
      if let value, value != value.rounded() {
        throw wrong(
          place, "a class: a whole number or a word", names[place],
          "predict numbers in place of classes, with the loss meanSquaredError")
      }
    }
    if names.count > 100, names.count > labels.count / 2 {
      throw wrong(
        names.count - 1, "classes that have several rows", "\(names.count) in \(labels.count) rows",
        "choose another column, or predict numbers with the loss meanSquaredError")
    }
    if values.allSatisfy({ $0.map { (0..<1_048_576).contains($0) } ?? false }) {
      let final = values.map { Int32($0!) }
      for row in labels.indices { labels[row] = final[Int(labels[row])] }
      return nil
    }
    let order = names.indices.sorted {
      switch (values[$0], values[$1]) {
      case (let a?, let b?): a < b || (a == b && $0 < $1)
      case (nil, nil): Array(names[$0].utf8).lexicographicallyPrecedes(Array(names[$1].utf8))
      case (let a, _): a != nil
      }
    }
    var final = [Int32](repeating: 0, count: names.count)
    var settled: [String] = []
    for (rank, place) in order.enumerated() {
      // Equal numbers, such as 1 and 1.0, are one class.
      let before = rank > 0 ? order[rank - 1] : nil
      if let before, let value = values[place], value == values[before] {
        final[place] = final[before]
      } else {
        final[place] = Int32(settled.count)
        settled.append(names[place])
      }
    }
    for row in labels.indices { labels[row] = final[Int(labels[row])] }
    return settled
  }

  /// Renumbers the classes of all rows by their numbers in another table, whose classes have the names `known`.
  ///
  /// - Throws: ``DataError`` for a class that the other table does not have.
  func settle(
    _ labels: inout [Int32], as known: [String], _ file: String, column: String
  ) throws(DataError) {
    var final: [Int32] = []
    for (place, name) in names.enumerated() {
      let value = CSVLine.Field(text: name, isQuoted: false).number
      let found =
        known.firstIndex(of: name)
        ?? value.flatMap { value in
          known.firstIndex { CSVLine.Field(text: $0, isQuoted: false).number == value }
        }
      guard let found else {
        throw DataError(
          file: file, line: lines[place], columnName: column,
          expected: "a class that was learned: "
            + known.prefix(8).map { DataError.legible($0) }.joined(separator: ", ")
            + (known.count > 8 ? ", ..." : ""), found: "\"\(DataError.legible(name))\"",
          advice: "correct it, or train with rows of this class")
      }
      final.append(Int32(found))
    }
    for row in labels.indices { labels[row] = final[Int(labels[row])] }
  }
}
