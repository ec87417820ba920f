/// A file of bytes with dimensions: the format of MNIST and of data sets that replace it.
///
/// The file has two zero bytes, the type (8 for unsigned bytes, the only type that is read here), the number of
/// dimensions, each size as four bytes, big-endian, and then the elements, row by row. The file may be compressed with
/// gzip.
package struct IDXFile {
  let path: String
  let sizes: [Int]
  let elements: SharedBytes

  /// Reads an IDX file.
  ///
  /// - Parameters:
  ///   - path: The file.
  ///   - dimensions: The expected number of dimensions.
  /// - Throws: ``DataError`` if the file is of a different kind, or incomplete.
  package init(path: String, dimensions: Int) throws(DataError) {
    let file = try FileBytes(path: path)
    let bytes = file.bytes
    func wrong(_ expected: String, _ found: String, _ advice: String) -> DataError {
      DataError(file: path, expected: expected, found: found, advice: advice)
    }
    let start = bytes.prefix(4)
    guard start.count == 4, start[0] == 0, start[1] == 0 else {
      throw wrong(
        "an IDX file, which begins with the bytes 00 00 08 0\(dimensions)",
        start.isEmpty ? "an empty file" : start.map(IDXFile.hexadecimal).joined(separator: " "),
        "check that it is the right file, written completely")
    }
    guard start[2] == 8 else {
      throw wrong(
        "elements of IDX type 08, unsigned bytes", "type \(IDXFile.hexadecimal(start[2]))",
        "convert them to bytes")
    }
    guard start[3] == dimensions else {
      throw wrong(
        "\(dimensions) dimension\(dimensions == 1 ? "" : "s")", "\(start[3])",
        "check that images and labels were not mixed up")
    }
    let head = 4 + 4 * dimensions
    guard bytes.count >= head else {
      throw wrong(
        "\(head) bytes in front of the elements", "\(bytes.count)",
        "download or copy the file again: it was not written completely")
    }
    sizes = (0..<dimensions).map { dimension in
      bytes[4 + 4 * dimension..<8 + 4 * dimension].reduce(0) { $0 << 8 | Int($1) }
    }
    var product = 1
    var fits = true
    for size in sizes {
      let (next, overflow) = product.multipliedReportingOverflow(by: size)
      (product, fits) = (next, fits && !overflow)
    }
    let shape = sizes.map(String.init).joined(separator: " x ")
    guard fits, bytes.count - head == product else {
      let isLonger = fits && bytes.count - head > product
      throw wrong(
        fits ? "\(product) bytes of elements, \(shape)" : "a size that fits memory, not \(shape)",
        "\(bytes.count - head)",
        isLonger
          ? "the file has trailing bytes after its elements: download or copy it again, or keep only the complete "
            + "data with head -c \(head + product)"
          : "download or copy the file again: it was not written completely")
    }
    self.path = path
    elements = SharedBytes(file, from: head)
  }

  private static func hexadecimal(_ byte: UInt8) -> String {
    let digits = String(byte, radix: 16)
    return digits.count == 1 ? "0" + digits : digits
  }
}
