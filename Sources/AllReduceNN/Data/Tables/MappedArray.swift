/// Rows of numbers in a file of NumPy: in the mapped file, or in memory if gzip had packed it or a pipe gave it.
package struct MappedArray: Sendable {
  /// The number of rows.
  let count: Int
  /// The shape of a row.
  let exampleShape: Shape
  /// Whether they are bytes, as images are.
  var isBytes: Bool { type == .unsigned8 }
  private let bytes: SharedBytes
  private let type: NPYNumber

  /// Maps a file.
  ///
  /// - Throws: ``DataError`` if it is not such a file, not whole, packed, or has its columns one after the other.
  package init(npy path: String) throws(DataError) {
    try self.init(FileBytes(path: path, unpacks: false), path)
  }

  /// Takes the bytes of a file.
  ///
  /// - Throws: ``DataError`` as ``init(npy:)``.
  init(_ file: FileBytes, _ path: String) throws(DataError) {
    func wrong(_ expected: String, _ found: String, _ advice: String) -> DataError {
      DataError(file: path, expected: expected, found: found, advice: advice)
    }
    let header = try NPYHeader(file.bytes, path)
    guard let type = NPYNumber(header.type) else {
      throw wrong(
        "numbers of 8 to 64 bits, little-endian", "the type \(DataError.legible(header.type))",
        "convert them, in Python by array.astype(\"<f4\")")
    }
    guard header.hasRowsInOrder else {
      throw wrong(
        "rows one after the other", "columns (Fortran's order)",
        "save numpy.ascontiguousarray(array)")
    }
    guard let count = header.count, let rows = header.sizes.first,
      count <= Int.max / type.stride, header.sizes.count <= Shape.mostDimensions,
      file.bytes.count - header.length == count * type.stride, rows > 0, rows <= Int(Int32.max)
    else {
      throw wrong(
        "\(header.sizes) numbers of \(type.stride) bytes, an example a row",
        "\(file.bytes.count - header.length) bytes", "download or copy the file again")
    }
    (self.count, self.type) = (rows, type)
    exampleShape = Shape(header.sizes.count == 1 ? [1] : Array(header.sizes.dropFirst()))
    bytes = SharedBytes(file, from: header.length)
  }

  /// Reads a row.
  func read<Scalar: NetworkScalar>(_ row: Int, into target: UnsafeMutableBufferPointer<Scalar>) {
    read(row..<row + 1, into: target)
  }

  /// Tells the system that a row will be read soon: the rows of a batch then come from the disk side by side.
  func willRead(_ row: Int) {
    let size = exampleShape.count * type.stride
    bytes.willRead(row * size..<(row + 1) * size)
  }

  /// Reads rows that follow each other.
  @_specialize(where Scalar == Float)
  func read<Scalar: NetworkScalar>(
    _ rows: Range<Int>, into target: UnsafeMutableBufferPointer<Scalar>
  ) {
    let size = exampleShape.count * type.stride
    type.copy(
      UnsafeRawBufferPointer(start: bytes.start + rows.lowerBound * size, count: rows.count * size),
      to: target, count: rows.count * exampleShape.count)
  }

  /// Same as ``read(_:into:)``, for bytes: each is replaced by the table's number for it.
  @_specialize(where Scalar == Float)
  func read<Scalar: NetworkScalar>(
    _ rows: Range<Int>, into target: UnsafeMutableBufferPointer<Scalar>, from table: [Scalar]
  ) {
    let (size, count) = (exampleShape.count, rows.count * exampleShape.count)
    precondition(isBytes && table.count == 256, "a table of 256 numbers is for bytes")
    precondition(target.count >= count, "\(target.count) numbers are too few for \(count)")
    guard let numbers = target.baseAddress else { return }
    let source = bytes.start + rows.lowerBound * size
    table.withUnsafeBufferPointer { table in
      guard let table = table.baseAddress else { return }
      for index in 0..<count { numbers[index] = table[Int(source[index])] }
    }
  }

  /// Adds a row less the origins, and its squares, to sums.
  private static func add(
    _ row: UnsafeMutableBufferPointer<Double>, less origins: [Double], to sums: inout [Double],
    squaresTo squares: inout [Double]
  ) {
    // Plain memory: with arrays the compiler looks at bounds for each number.
    origins.withUnsafeBufferPointer { origins in
      sums.withUnsafeMutableBufferPointer { sums in
        squares.withUnsafeMutableBufferPointer { squares in
          guard let row = row.baseAddress, let origin = origins.baseAddress,
            let sum = sums.baseAddress, let square = squares.baseAddress
          else { return }
          for column in 0..<origins.count {
            let distance = row[column] - origin[column]
            sum[column] += distance
            square[column] += distance * distance
          }
        }
      }
    }
  }

  /// Makes sure that every number is finite, and finds the means and deviations of some rows' columns: one pass over
  /// the file.
  ///
  /// - Parameters:
  ///   - path: The file, for messages.
  ///   - counts: Whether a row counts.
  /// - Returns: The means and deviations.
  /// - Throws: ``DataError`` that names the row.
  func scaling(_ path: String, counting counts: [Bool]) throws(DataError) -> Scaling {
    let width = exampleShape.count
    let row = TensorMemory<Double>(count: width)
    var (origins, sums, squares) = (
      [Double](repeating: 0, count: width), [Double](repeating: 0, count: width),
      [Double](repeating: 0, count: width)
    )
    var rows = 0.0
    var passed = bytes.readOnce()
    for number in 0..<count {
      read(number, into: row.values)
      passed.reach(bytes.start + number * width * type.stride)
      // A sum of which one addend is NaN or infinite is NaN or infinite, or, at worst, looked at in vain.
      if !row.values.reduce(0, +).isFinite,
        let column = row.values.firstIndex(where: { !$0.isFinite })
      {
        throw DataError(
          file: path, expected: "finite numbers",
          found: "\(row.values[column]) in row \(number), column \(column) (both from 0)",
          advice: "correct or remove the row")
      }
      guard counts[number] else { continue }
      if rows == 0 { origins = Array(row.values) }
      rows += 1
      MappedArray.add(row.values, less: origins, to: &sums, squaresTo: &squares)
    }
    // From here on single rows are asked for, here and there.
    bytes.expectSingleRows()
    let deviations = (0..<width).map { column -> Double in
      let variance = (squares[column] - sums[column] * sums[column] / max(rows, 1)) / max(rows, 1)
      return variance > 0 && variance.isFinite ? variance.squareRoot() : 1
    }
    return Scaling(
      means: (0..<width).map { origins[$0] + sums[$0] / max(rows, 1) }, deviations: deviations)
  }
}
