/// The rows of an NPY file: in the mapped file, or in memory if the file was compressed with gzip or came from a pipe.
package struct MappedArray: Sendable {
  /// The number of rows.
  let count: Int
  /// The shape of one row.
  let exampleShape: Shape
  /// Whether the numbers are bytes, as those of images often are.
  var isBytes: Bool { type == .unsigned8 }
  private let bytes: SharedBytes
  private let type: NPYNumber

  /// Maps an NPY file into memory.
  ///
  /// - Throws: ``DataError`` if the file is not an NPY file, is incomplete, is compressed, or is column-major.
  package init(npy path: String) throws(DataError) {
    try self.init(FileBytes(path: path, unpacks: false), path)
  }

  /// Creates an array from the bytes of an NPY file.
  ///
  /// - Throws: ``DataError`` if the bytes are not an NPY file, are incomplete, or are column-major.
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

  /// Reads one row into `target`, and converts its numbers.
  func read<Scalar: NetworkScalar>(_ row: Int, into target: UnsafeMutableBufferPointer<Scalar>) {
    read(row..<row + 1, into: target)
  }

  /// Tells the system that a row will be read soon, so that it reads the rows of a batch from the disk concurrently.
  func willRead(_ row: Int) {
    let size = exampleShape.count * type.stride
    bytes.willRead(row * size..<(row + 1) * size)
  }

  /// Reads a range of rows into `target`, and converts their numbers.
  @_specialize(where Scalar == Float)
  func read<Scalar: NetworkScalar>(
    _ rows: Range<Int>, into target: UnsafeMutableBufferPointer<Scalar>
  ) {
    let size = exampleShape.count * type.stride
    type.copy(
      UnsafeRawBufferPointer(start: bytes.start + rows.lowerBound * size, count: rows.count * size),
      to: target, count: rows.count * exampleShape.count)
  }

  /// Reads a range of rows of bytes into `target`, and replaces each byte by the number that `table` has for it.
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

  /// Adds the differences between a row and the origins to `sums`, and the squares of the differences to `squares`.
  private static func add(
    _ row: UnsafeMutableBufferPointer<Double>, less origins: [Double], to sums: inout [Double],
    squaresTo squares: inout [Double]
  ) {
    // Pointers, because with arrays the compiler checks bounds for each number.
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

  /// Checks that every number is finite, and computes the mean and standard deviation of each column over some rows, in
  /// one pass over the file.
  ///
  /// - Parameters:
  ///   - path: The file, for messages.
  ///   - counts: For each row, whether the means and deviations include it.
  /// - Returns: The means and deviations; the deviation of a constant column is 1.
  /// - Throws: ``DataError`` that names the row of a number that is not finite.
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
      // If a number is NaN or infinite, so is the sum. If only the sum overflows, the search finds nothing.
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
    // From here on, single rows are read in random order.
    bytes.expectSingleRows()
    let deviations = (0..<width).map { column -> Double in
      let variance = (squares[column] - sums[column] * sums[column] / max(rows, 1)) / max(rows, 1)
      return variance > 0 && variance.isFinite ? variance.squareRoot() : 1
    }
    return Scaling(
      means: (0..<width).map { origins[$0] + sums[$0] / max(rows, 1) }, deviations: deviations)
  }
}
