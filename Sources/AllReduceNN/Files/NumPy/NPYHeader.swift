/// The header of an NPY file of NumPy.
///
/// The header has eight bytes that name the format and its version, the length of the text that follows (2 bytes in
/// version 1, 4 bytes in later versions), and that text: a dictionary as Python writes it. See NumPy Enhancement
/// Proposal 1.
struct NPYHeader {
  /// NumPy's name for the type, such as "<f4".
  let type: String
  /// Whether the numbers are column-major and not row-major.
  let isFortranOrder: Bool
  let sizes: [Int]
  /// The number of bytes before the numbers.
  let length: Int

  /// The number of elements: the product of the sizes. Nil if the product of all sizes above 0 overflows, because other
  /// code multiplies them in other orders.
  var count: Int? {
    var product = 1
    for size in sizes where size > 0 {
      let (next, overflow) = product.multipliedReportingOverflow(by: size)
      if overflow { return nil }
      product = next
    }
    return sizes.contains(0) ? 0 : product
  }

  /// Whether rows, and the numbers within each row, are contiguous in the file.
  var hasRowsInOrder: Bool { !isFortranOrder || sizes.filter { $0 != 1 }.count <= 1 }

  private static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)

  /// Reads the header at the start of a file.
  init(_ bytes: UnsafeBufferPointer<UInt8>, _ path: String) throws(DataError) {
    func wrong(_ expected: String, _ found: String) -> DataError {
      DataError(
        file: path, expected: expected, found: found,
        advice: "check that it is the right file, written completely")
    }
    guard bytes.count >= 10, bytes.starts(with: NPYHeader.magic) else {
      throw wrong(
        "a NumPy file, which begins with the byte 0x93 and \"NUMPY\"",
        bytes.isEmpty
          ? "an empty file"
          : "\"\(DataError.legible(String(decoding: bytes.prefix(6), as: UTF8.self)))\"")
    }
    let version = bytes[6]
    guard (1...3).contains(version) else {
      throw wrong("version 1, 2 or 3 of NumPy's format", "\(version)")
    }
    let start = version == 1 ? 10 : 12
    let size = bytes[8..<min(start, bytes.count)].reversed().reduce(0) { $0 << 8 | Int($1) }
    guard bytes.count >= start + size else {
      throw wrong("a header of \(start + size) bytes", "\(bytes.count)")
    }
    let text = String(decoding: bytes[start..<start + size], as: UTF8.self)
    guard let type = NPYHeader.quoted(NPYHeader.value("descr", in: text)),
      let order = NPYHeader.value("fortran_order", in: text),
      order.hasPrefix("True") || order.hasPrefix("False"),
      let sizes = NPYHeader.numbers(NPYHeader.value("shape", in: text))
    else {
      throw wrong(
        "a header with one type, an order and a shape", "\"\(DataError.legible(text))\"")
    }
    self.type = type
    isFortranOrder = order.hasPrefix("True")
    self.sizes = sizes
    length = start + size
  }

  /// Returns the text after a key of the dictionary; nil if the key is missing.
  private static func value(_ key: String, in text: String) -> Substring? {
    for quote in ["'", "\""] {
      let parts = text.split(
        separator: quote + key + quote, maxSplits: 1, omittingEmptySubsequences: false)
      if parts.count == 2 {
        let rest = parts[1].drop { $0 == " " }
        return rest.first == ":" ? rest.dropFirst().drop { $0 == " " } : nil
      }
    }
    return nil
  }

  /// Returns the quoted text at the start of a text; nil if there is none.
  private static func quoted(_ text: Substring?) -> String? {
    guard let text, let quote = text.first, quote == "'" || quote == "\"" else { return nil }
    let rest = text.dropFirst()
    guard let end = rest.firstIndex(of: quote) else { return nil }
    return String(rest[..<end])
  }

  /// Returns the whole numbers in the parentheses at the start of a text; nil if there are none.
  private static func numbers(_ text: Substring?) -> [Int]? {
    guard let text, text.first == "(", let end = text.firstIndex(of: ")") else { return nil }
    var numbers: [Int] = []
    for part in text[..<end].dropFirst().split(separator: ",") {
      var digits = part.filter { $0 != " " }
      if digits.isEmpty { continue }
      // Python 2 writes a long number with an L at its end.
      if digits.last == "L" { digits.removeLast() }
      guard let number = Int(digits), number >= 0 else { return nil }
      numbers.append(number)
    }
    return numbers
  }

  /// Returns the header of a row-major array, with the same bytes that NumPy writes.
  static func bytes(type: String, sizes: [Int]) -> [UInt8] {
    let shape = sizes.map(String.init).joined(separator: ", ") + (sizes.count == 1 ? "," : "")
    var text = "{'descr': '\(type)', 'fortran_order': False, 'shape': (\(shape)), }"
    // NumPy leaves room for the first size to grow to 21 digits without moving what follows.
    if let first = sizes.first {
      text += String(repeating: " ", count: 21 - String(first).count)
    }
    let used = 10 + text.utf8.count + 1
    text += String(repeating: " ", count: (used + 63) / 64 * 64 - used) + "\n"
    let size = text.utf8.count
    precondition(
      size <= 0xFFFF,
      "an array of \(sizes.count) dimensions needs a header longer than 65535 bytes, the most of version 1"
    )
    return magic + [1, 0, UInt8(size & 0xFF), UInt8(size >> 8)] + Array(text.utf8)
  }
}
