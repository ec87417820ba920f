/// An array of numbers in an NPY file of NumPy, which `numpy.save` writes and `numpy.load` reads.
///
/// Numbers are little-endian and row-major (the last dimension is contiguous). Their types are `Float` (f4), `Double`
/// (f8), `Int32` (i4), `Int64` (i8) and `UInt8` (u1).
package struct NPYArray<Element: NPYElement>: Equatable, Sendable {
  /// The size of each dimension, outermost first; empty for a single number.
  package var sizes: [Int]
  /// The numbers, row by row.
  package var elements: [Element]

  /// Creates an array from the sizes of its dimensions and its numbers.
  ///
  /// - Precondition: The count of numbers is the product of the sizes.
  package init(sizes: [Int], elements: [Element]) {
    precondition(
      sizes.reduce(1, *) == elements.count,
      "an array of \(sizes) needs \(sizes.reduce(1, *)) numbers, not \(elements.count)")
    self.sizes = sizes
    self.elements = elements
  }

  /// Reads an NPY file, in version 1, 2 or 3 of the format, which may be compressed with gzip.
  ///
  /// - Parameter path: The file.
  /// - Throws: ``DataError`` if the file is not an NPY file, is incomplete, is column-major, or has a different type.
  package init(npy path: String) throws(DataError) {
    let file = try FileBytes(path: path, allowsPipes: true)
    let header = try NPYHeader(file.bytes, path)
    guard header.type == Element.npyType else {
      throw DataError(
        file: path, expected: "numbers of type \(Element.npyType)",
        found: DataError.legible(header.type),
        advice: "convert them, in Python by array.astype(\"\(Element.npyType)\")")
    }
    // With one dimension or none, both orders are the same.
    guard !header.isFortranOrder || header.sizes.filter({ $0 != 1 }).count <= 1 else {
      throw DataError(
        file: path, expected: "rows one after the other", found: "columns (Fortran's order)",
        advice: "save numpy.ascontiguousarray(array)")
    }
    let stride = MemoryLayout<Element>.stride
    let sizes = header.sizes.map(String.init).joined(separator: " x ")
    let found = file.bytes.count - header.length
    guard let count = header.count, count <= Int.max / stride, found == count * stride else {
      let isLonger = header.count.map { found / stride >= $0 } ?? false
      throw DataError(
        file: path, expected: "\(sizes.isEmpty ? "one" : sizes) numbers of \(stride) bytes",
        found: "\(found) bytes",
        advice: "download or copy the file again: it "
          + (isLonger ? "has trailing bytes after its elements" : "was not written completely"))
    }
    self.sizes = header.sizes
    elements = [Element](unsafeUninitializedCapacity: count) { buffer, initialized in
      UnsafeMutableRawBufferPointer(buffer).copyBytes(
        from: UnsafeRawBufferPointer(file.bytes)[header.length...])
      initialized = count
    }
  }

  /// The bytes of an NPY file with these numbers, in version 1 of the format.
  package var npyBytes: [UInt8] {
    let header = NPYHeader.bytes(type: Element.npyType, sizes: sizes)
    return header + elements.withUnsafeBytes { Array($0) }
  }
}

/// A type of number that NPY files can have.
package protocol NPYElement: BitwiseCopyable, Equatable, Sendable {
  /// NumPy's name for the type, such as "<f4".
  static var npyType: String { get }
}

extension Float: NPYElement {
  /// NumPy's name for `Float`: f4, little-endian.
  package static var npyType: String { "<f4" }
}
extension Double: NPYElement {
  /// NumPy's name for `Double`: f8, little-endian.
  package static var npyType: String { "<f8" }
}
extension Int32: NPYElement {
  /// NumPy's name for `Int32`: i4, little-endian.
  package static var npyType: String { "<i4" }
}
extension Int64: NPYElement {
  /// NumPy's name for `Int64`: i8, little-endian.
  package static var npyType: String { "<i8" }
}
extension UInt8: NPYElement {
  /// NumPy's name for `UInt8`: u1; a single byte has no byte order.
  package static var npyType: String { "|u1" }
}
