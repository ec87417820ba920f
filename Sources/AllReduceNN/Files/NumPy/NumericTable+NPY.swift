extension NumericTable {
  /// Reads two NPY files of NumPy as one table: the columns of the inputs, then the target.
  ///
  /// Each part has different rows; the parts' row counts differ by at most one. Files that are read in several parts
  /// are mapped, so that a process reads only the rows of its own part; such files must be neither compressed nor
  /// column-major.
  ///
  /// - Parameters:
  ///   - path: The file of the inputs, `[rows]` or `[rows, columns]`.
  ///   - targets: The file of the targets, `[rows]` or `[rows, 1]`.
  ///   - part: The part to read, from 0.
  ///   - parts: The number of parts.
  /// - Throws: ``DataError`` with the row of a number that is not finite.
  /// - Precondition: The part is within 0..<parts.
  package init(
    npy path: String, targets: String, part: Int = 0, of parts: Int = 1
  ) throws(DataError) {
    precondition(parts > 0 && part >= 0 && part < parts, "part \(part) of \(parts) does not exist")
    let (inputs, wanted) = (
      try NumberRows(path, inParts: parts > 1), try NumberRows(targets, inParts: parts > 1)
    )
    guard wanted.count == inputs.count, wanted.width == 1 else {
      throw DataError(
        file: targets, expected: "a target for each of \(inputs.count) rows of \(path)",
        found: "\(wanted.sizes)", advice: "take both from the same data")
    }
    let (count, width) = (inputs.count, inputs.width)
    let (quotient, rest) = count.quotientAndRemainder(dividingBy: parts)
    let first = quotient * part + min(part, rest)
    let rows = first..<first + quotient + (part < rest ? 1 : 0)
    guard MemoryShortage.allows(rows.count * (width + 1) * MemoryLayout<Double>.stride) else {
      throw MemoryShortage.tooLarge(path, "read as numbers", after: rows.count * width)
    }
    let elements = [Double](unsafeUninitializedCapacity: rows.count * (width + 1)) {
      buffer, initialized in
      for (place, row) in rows.enumerated() {
        let start = place * (width + 1)
        inputs.read(row, into: UnsafeMutableBufferPointer(rebasing: buffer[start..<start + width]))
        wanted.read(
          row, into: UnsafeMutableBufferPointer(rebasing: buffer[start + width..<start + width + 1])
        )
      }
      initialized = rows.count * (width + 1)
    }
    if let place = elements.firstIndex(where: { !$0.isFinite }) {
      let (row, column) = place.quotientAndRemainder(dividingBy: width + 1)
      throw DataError(
        file: column == width ? targets : path, expected: "finite numbers",
        found: "\(elements[place]) in row \(first + row)"
          + (column == width ? "" : ", column \(column)") + " (from 0)",
        advice: "correct or remove the row")
    }
    self.init(
      file: path, columnNames: (1...width).map { "column \($0)" } + [targets], hasHeader: true,
      values: Matrix(rows: rows.count, columns: width + 1, elements: elements), lineCount: 0)
  }
}

/// The rows of an NPY file: all of them in memory, or in a mapped file.
private struct NumberRows {
  let sizes: [Int]
  private let mapped: MappedArray?
  private let array: NumberArray<Double>?

  var count: Int { sizes[0] }
  var width: Int { sizes.dropFirst().reduce(1, *) }

  init(_ path: String, inParts: Bool) throws(DataError) {
    if inParts {
      let file = try MappedArray(npy: path)
      (mapped, array) = (file, nil)
      sizes = [file.count, file.exampleShape.count]
    } else {
      let file = try NumberArray<Double>(npy: path)
      (mapped, array, sizes) = (nil, file, file.sizes)
    }
    guard (1...2).contains(sizes.count), sizes.allSatisfy({ $0 > 0 }) else {
      throw DataError(
        file: path, expected: "rows of numbers, [rows, columns]", found: "\(sizes)",
        advice: "reshape the array, in Python by array.reshape(len(array), -1)")
    }
  }

  func read(_ row: Int, into target: UnsafeMutableBufferPointer<Double>) {
    if let mapped { return mapped.read(row, into: target) }
    guard let array else { return }
    array.elements.withUnsafeBufferPointer {
      _ = target.update(
        fromContentsOf: UnsafeBufferPointer(rebasing: $0[row * width..<(row + 1) * width]))
    }
  }
}
