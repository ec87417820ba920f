/// Reads decimal numbers from bytes, correctly rounded, without making strings.
enum NumberParser {
  /// Reads the longest number at the start of the bytes.
  ///
  /// A number is digits with an optional sign, decimal point and exponent. Words such as nan and
  /// inf, hexadecimal digits and thousands separators are refused.
  ///
  /// - Parameters:
  ///   - start: The first byte.
  ///   - end: The byte after the last one that may be read.
  ///   - value: Set to the number; infinite if it is too large for a `Double`.
  /// - Returns: The byte after the number, or nil if there is none.
  static func parse(
    _ start: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, into value: inout Double
  ) -> UnsafePointer<UInt8>? {
    var at = start
    var isNegative = false
    if at < end, at.pointee == minus || at.pointee == plus {
      isNegative = at.pointee == minus
      at += 1
    }
    var digits: UInt64 = 0
    // Zeros in front say nothing, and are not counted.
    let first = at
    while at < end, at.pointee == zero { at += 1 }
    var counted = at
    while at < end, at.pointee &- zero < 10 {
      digits = digits &* 10 &+ UInt64(at.pointee &- zero)
      at += 1
    }
    var digitCount = at - counted
    var seenCount = at - first
    var exponent = 0
    if at < end, at.pointee == point {
      at += 1
      let fraction = at
      if digitCount == 0 { while at < end, at.pointee == zero { at += 1 } }
      counted = at
      while at < end, at.pointee &- zero < 10 {
        digits = digits &* 10 &+ UInt64(at.pointee &- zero)
        at += 1
      }
      digitCount += at - counted
      exponent = fraction - at
      seenCount -= exponent
    }
    guard seenCount > 0 else { return nil }
    if at < end, at.pointee | 0x20 == letterE, let (power, next) = power(at + 1, end) {
      exponent += power
      at = next
    }
    // Both the digits and the power of ten are exact here, so one operation rounds once
    // (Clinger, "How to read floating point numbers accurately", 1990).
    if digitCount <= 18, digits < 1 << 53, exponent >= -22, exponent <= 22 {
      let scale = powersOfTen[abs(exponent)]
      let magnitude = exponent < 0 ? Double(digits) / scale : Double(digits) * scale
      value = isNegative ? -magnitude : magnitude
    } else {
      value = slowly(start, at)
    }
    return at
  }

  // Not stored: who reads one for the first time would have to be found out at every reading.
  private static var plus: UInt8 { 0x2B }
  private static var minus: UInt8 { 0x2D }
  private static var point: UInt8 { 0x2E }
  private static var zero: UInt8 { 0x30 }
  private static var letterE: UInt8 { 0x65 }

  private static let powersOfTen: [Double] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
  ]

  private static func power(
    _ start: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>
  ) -> (Int, UnsafePointer<UInt8>)? {
    var at = start
    var isNegative = false
    if at < end, at.pointee == minus || at.pointee == plus {
      isNegative = at.pointee == minus
      at += 1
    }
    guard at < end, at.pointee &- zero < 10 else { return nil }
    var power = 0
    while at < end, at.pointee &- zero < 10 {
      power = min(100_000, power * 10 + Int(at.pointee &- zero))
      at += 1
    }
    return (isNegative ? -power : power, at)
  }

  /// Swift's reading of bytes that are known to be a decimal number. The C library's would take the point for
  /// none where the process's locale writes a comma.
  private static func slowly(
    _ start: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>
  ) -> Double {
    Double(String(decoding: UnsafeBufferPointer(start: start, count: end - start), as: UTF8.self))
      ?? .nan
  }
}
