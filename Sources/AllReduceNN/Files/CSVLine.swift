#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// One line of a CSV file, as bytes, without the line end.
struct CSVLine {
  /// A field of the line: the text between two commas.
  struct Field {
    let text: String
    let isQuoted: Bool

    /// The text as a number; nil if it is not a finite number.
    var number: Double? { CSVLine.number(text) }
  }

  let start: UnsafePointer<UInt8>
  let end: UnsafePointer<UInt8>

  /// Returns the line that starts at a byte, and the start of the next line.
  static func line(
    at start: UnsafePointer<UInt8>, limit: UnsafePointer<UInt8>
  ) -> (line: CSVLine, next: UnsafePointer<UInt8>) {
    let found = memchr(start, 0x0A, limit - start)
    let lineEnd = found.map { UnsafePointer($0.assumingMemoryBound(to: UInt8.self)) } ?? limit
    var end = lineEnd
    if end > start, end[-1] == 0x0D { end -= 1 }
    return (CSVLine(start: start, end: end), lineEnd == limit ? limit : lineEnd + 1)
  }

  /// Whether the line is empty or has only spaces and tabs.
  var isBlank: Bool {
    var at = start
    while at < end, CSVLine.isSpace(at.pointee) { at += 1 }
    return at == end
  }

  /// Reads plain numbers separated by commas, which is the usual case.
  ///
  /// - Parameters:
  ///   - output: The memory to write the numbers to.
  ///   - count: The expected number of fields.
  /// - Returns: Whether the line has `count` plain numbers. If it has anything else, it may still be valid: see
  ///   ``fields()``.
  func readNumbers(into output: UnsafeMutablePointer<Double>, count: Int) -> Bool {
    var at = start
    for column in 0..<count {
      while at < end, CSVLine.isSpace(at.pointee) { at += 1 }
      guard let next = NumberParser.parse(at, end, into: &output[column]),
        output[column].isFinite
      else { return false }
      at = next
      while at < end, CSVLine.isSpace(at.pointee) { at += 1 }
      if column == count - 1 { return at == end }
      guard at < end, at.pointee == 0x2C else { return false }
      at += 1
    }
    return at == end
  }

  /// Splits the line at its commas, and removes the spaces and quotes around each text.
  ///
  /// Within quotes, a comma is part of the text, and two quotes stand for one.
  ///
  /// - Returns: The fields, or nil if a quoted text does not end on this line or is followed by more text.
  func fields() -> [Field]? {
    var fields: [Field] = []
    var at = start
    while true {
      var bytes: [UInt8] = []
      while at < end, CSVLine.isSpace(at.pointee) { at += 1 }
      let isQuoted = at < end && at.pointee == 0x22
      if isQuoted {
        at += 1
        while true {
          guard at < end else { return nil }
          if at.pointee == 0x22 {
            guard at + 1 < end, at[1] == 0x22 else { break }
            at += 1
          }
          bytes.append(at.pointee)
          at += 1
        }
        at += 1
        while at < end, CSVLine.isSpace(at.pointee) { at += 1 }
        guard at == end || at.pointee == 0x2C else { return nil }
      } else {
        while at < end, at.pointee != 0x2C {
          bytes.append(at.pointee)
          at += 1
        }
        while let last = bytes.last, CSVLine.isSpace(last) { bytes.removeLast() }
      }
      fields.append(Field(text: String(decoding: bytes, as: UTF8.self), isQuoted: isQuoted))
      guard at < end else { return fields }
      at += 1
    }
  }

  private static func number(_ text: String) -> Double? {
    var text = text
    return text.withUTF8 { bytes -> Double? in
      guard let base = bytes.baseAddress else { return nil }
      var (at, end) = (base, base + bytes.count)
      while at < end, isSpace(at.pointee) { at += 1 }
      while end > at, isSpace(end[-1]) { end -= 1 }
      var value = 0.0
      guard NumberParser.parse(at, end, into: &value) == end, value.isFinite else { return nil }
      return value
    }
  }

  static func isSpace(_ byte: UInt8) -> Bool {
    byte == 0x20 || byte == 0x09
  }
}
