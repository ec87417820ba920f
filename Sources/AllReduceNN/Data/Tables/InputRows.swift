/// The inputs of a file to predict from, scaled as the training run scaled its inputs. The rows are in memory, or in an
/// NPY file and read on demand.
package struct InputRows<Element: NetworkScalar> {
  /// The file, for messages.
  package let file: String
  /// The number of rows.
  package let count: Int
  /// The shape of one row.
  package let shape: Shape
  /// Remarks for the user on how the file was read.
  package let notes: [String]
  private let source: Source

  private enum Source {
    case memory([Element])
    /// Rows in a file. If the file has bytes and all columns share one scaling, `table` has the scaled number for each
    /// byte.
    case file(MappedArray, Scaling?, table: [Element]?)
  }

  /// Creates rows from the inputs of a table.
  package init(_ table: ExampleTable<Element>) {
    self.init(
      file: table.file, count: table.count, shape: table.shape, notes: table.notes,
      .memory(table.inputs))
  }

  private init(file: String, count: Int, shape: Shape, notes: [String], _ source: Source) {
    (self.file, self.count, self.shape, self.notes) = (file, count, shape, notes)
    self.source = source
  }

  /// Opens an NPY file, `[rows, ...]`, which only one rank may read.
  ///
  /// - Parameters:
  ///   - path: The file, which may be compressed with gzip, or a pipe.
  ///   - format: How a training run read its examples.
  /// - Throws: ``DataError`` if the file is not an NPY file of numbers, or if its rows do not have the width of the
  ///   training run's rows.
  package init(npy path: String, like format: ExampleFormat) throws(DataError) {
    let bytes = try FileBytes(path: path, allowsPipes: true)
    guard let array = try? MappedArray(bytes, path) else {
      // A column-major file is read as a whole; a file that is not valid is refused here, with the reason.
      let array = try NumberArray<Element>(bytes.bytesKept, path)
      self.init(
        try ExampleTable(array, nil, names: (path, path), ColumnChoice(target: nil, like: format)))
      return
    }
    try format.inputs?.requireFit(array.exampleShape, path)
    self.init(
      file: path, count: array.count, shape: array.exampleShape, notes: [],
      .file(array, format.inputs, table: array.isBytes ? format.inputs?.scaledBytes() : nil))
  }

  /// Reads a range of rows.
  ///
  /// - Parameters:
  ///   - rows: The numbers of the rows, from 0.
  ///   - target: The memory to write the rows to, of shape `[rows.count]` followed by ``shape``.
  /// - Throws: ``DataError`` that names the row of a number that is not finite.
  package func read(
    _ rows: Range<Int>, into target: UnsafeMutableBufferPointer<Element>
  ) throws(DataError) {
    let width = shape.count
    precondition(
      rows.lowerBound >= 0 && rows.upperBound <= count, "rows \(rows) are outside of \(count)")
    precondition(
      target.count == rows.count * width,
      "the memory must have room for \(rows.count) rows of \(width) numbers, not for \(target.count) numbers"
    )
    switch source {
    case .memory(let inputs):
      inputs.withUnsafeBufferPointer {
        _ = target.update(
          fromContentsOf: $0[rows.lowerBound * width..<rows.upperBound * width])
      }
    case .file(let array, _, table: let table?):
      array.read(rows, into: target, from: table)
    case .file(let array, let scaling, table: nil):
      array.read(rows, into: target)
      if !array.isBytes { try requireFinite(target, from: rows.lowerBound) }
      for row in 0..<(scaling == nil ? 0 : rows.count) {
        scaling?.apply(
          toRow: UnsafeMutableBufferPointer(rebasing: target[row * width..<(row + 1) * width]))
      }
    }
  }

  @_specialize(where Element == Float)
  private func requireFinite(
    _ values: UnsafeMutableBufferPointer<Element>, from row: Int
  ) throws(DataError) {
    guard let place = values.firstIndex(where: { !$0.isFinite }) else { return }
    throw NumberArray<Element>.notFinite(
      values[place], file, at: row * shape.count + place, width: shape.count)
  }
}
