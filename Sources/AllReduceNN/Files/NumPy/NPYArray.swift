/// Numbers with dimensions in a file of NumPy: what `numpy.save` writes and `numpy.load` reads.
///
/// Little-endian, in the order of C (the last dimension is contiguous). The types are `Float` (f4),
/// `Double` (f8), `Int32` (i4), `Int64` (i8) and `UInt8` (u1).
package struct NPYArray<Element: NPYElement>: Equatable, Sendable {
  /// The dimensions' sizes, outermost first; empty for a single number.
  package var sizes: [Int]
  /// The numbers, row by row.
  package var elements: [Element]

  /// Gives numbers dimensions.
  ///
  /// - Precondition: The count of numbers is the product of the sizes.
  package init(sizes: [Int], elements: [Element]) {
    precondition(
      sizes.reduce(1, *) == elements.count,
      "an array of \(sizes) needs \(sizes.reduce(1, *)) numbers, not \(elements.count)")
    self.sizes = sizes
    self.elements = elements
  }

  /// Reads a file, of version 1, 2 or 3 of the format; compressed by gzip, too.
  ///
  /// - Parameter path: The file.
  /// - Throws: ``DataError`` if it is not such a file, is not whole, or holds a different type.
  package init(npy path: String) throws(DataError) {
    let file = try FileBytes(path: path, allowsPipes: true)
    let header = try NPYHeader(file.bytes, path)
    guard header.type == Element.npyType else {
      throw DataError(
        file: path, expected: "numbers of type \(Element.npyType)",
        found: DataError.legible(header.type),
        advice: "convert them, in Python by array.astype(\"\(Element.npyType)\")")
    }
    // One dimension, or none, has the same order either way.
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

  /// The bytes of a file with these numbers, version 1 of the format.
  package var npyBytes: [UInt8] {
    let header = NPYHeader.bytes(type: Element.npyType, sizes: sizes)
    return header + elements.withUnsafeBytes { Array($0) }
  }
}

/// A number that files of NumPy hold.
package protocol NPYElement: BitwiseCopyable, Equatable, Sendable {
  /// NumPy's word for the type: "<f4".
  static var npyType: String { get }
}

extension Float: NPYElement {
  /// f4, little-endian.
  package static var npyType: String { "<f4" }
}
extension Double: NPYElement {
  /// f8, little-endian.
  package static var npyType: String { "<f8" }
}
extension Int32: NPYElement {
  /// i4, little-endian.
  package static var npyType: String { "<i4" }
}
extension Int64: NPYElement {
  /// i8, little-endian.
  package static var npyType: String { "<i8" }
}
extension UInt8: NPYElement {
  /// u1; bytes have no order.
  package static var npyType: String { "|u1" }
}
