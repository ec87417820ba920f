/// Parses decimal numbers from bytes, correctly rounded, without creating strings.
enum NumberParser {
  /// Parses the longest number at the start of the bytes.
  ///
  /// A number is digits with an optional sign, decimal point and exponent. Words such as nan and inf, hexadecimal
  /// digits and thousands separators are refused.
  ///
  /// - Parameters:
  ///   - start: The first byte.
  ///   - end: The byte after the last one that may be read.
  ///   - value: Set to the number; infinite if it is too large for a `Double`.
  /// - Returns: The byte after the number, or nil if there is no number.
  @inline(__always)
  static func parse(
    _ start: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, into value: inout Double
  ) -> UnsafePointer<UInt8>? {
    var at = start
    // No branch on the sign, which varies from number to number: such a branch would often be mispredicted.
    let sign = at < end ? at.pointee : 0
    let isNegative = sign == minus
    at += isNegative || sign == plus ? 1 : 0
    var digits: UInt64 = 0
    let first = at
    while at < end, at.pointee &- zero < 10 {
      digits = digits &* 10 &+ UInt64(at.pointee &- zero)
      at += 1
    }
    var seenCount = at - first
    // Leading zeros are not counted as digits. (From 20 digits on, a 0 may be the result of an overflow.)
    var digitCount = digits == 0 && seenCount < 20 ? 0 : seenCount
    var exponent = 0
    if at < end, at.pointee == point {
      at += 1
      let fraction = at
      while end - at >= 8 {
        let eight = EightBytes(at)
        let count = eight.digitCount
        digitCount += digitCount == 0 ? count - eight.zeroCount : count
        digits = digits &* wholePowersOfTen[count] &+ eight.number
        at += count
        if count < 8 { break }
      }
      while at < end, at.pointee &- zero < 10 {
        digits = digits &* 10 &+ UInt64(at.pointee &- zero)
        digitCount += digits == 0 ? 0 : 1
        at += 1
      }
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
      // Below 2^53, the conversion from a signed integer gives the same result, and takes one instruction.
      let whole = Double(Int64(truncatingIfNeeded: digits))
      let magnitude = exponent < 0 ? whole / scale : whole * scale
      value = Double(bitPattern: magnitude.bitPattern | (isNegative ? 1 << 63 : 0))
    } else {
      value = slowly(start, at)
    }
    return at
  }

  // Computed, not stored: each access to a stored constant would check whether it is initialized.
  private static var plus: UInt8 { 0x2B }
  private static var minus: UInt8 { 0x2D }
  private static var point: UInt8 { 0x2E }
  private static var zero: UInt8 { 0x30 }
  private static var letterE: UInt8 { 0x65 }

  private static let powersOfTen: [Double] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
  ]

  private static let wholePowersOfTen: [UInt64] = [
    1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000,
  ]

  /// Eight bytes, whose leading digits are converted together: first in pairs, then in fours, then all eight.
  ///
  /// (Lemire, "Number parsing at a gigabyte per second", 2021.)
  private struct EightBytes {
    /// Each byte XOR the byte of the digit 0; the first byte is the least significant one.
    private let distances: UInt64
    /// The number of digits before the first byte that is not a digit.
    let digitCount: Int

    @inline(__always)
    init(_ start: UnsafePointer<UInt8>) {
      distances =
        UInt64(littleEndian: UnsafeRawPointer(start).loadUnaligned(as: UInt64.self))
        ^ 0x3030_3030_3030_3030
      let others =
        ((distances & 0x7F7F_7F7F_7F7F_7F7F) &+ 0x7676_7676_7676_7676 | distances)
        & 0x8080_8080_8080_8080
      digitCount = others.trailingZeroBitCount >> 3
    }

    /// The number of zeros at the start of the digits.
    @inline(__always)
    var zeroCount: Int { min(digitCount, distances.trailingZeroBitCount >> 3) }

    /// The number that the digits form.
    @inline(__always)
    var number: UInt64 {
      // The digits move to the end, with zeros before them.
      var value = distances << UInt64(64 - 8 * digitCount)
      value = (value &* 10 &+ (value >> 8)) & 0x00FF_00FF_00FF_00FF
      value = (value &* 100 &+ (value >> 16)) & 0x0000_FFFF_0000_FFFF
      return (value &* 10_000 &+ (value >> 32)) & 0xFFFF_FFFF
    }
  }

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

  /// Parses, with Swift's own parser, bytes that are known to be a decimal number. The C library's parser would not
  /// accept the decimal point in a locale that uses a comma.
  private static func slowly(
    _ start: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>
  ) -> Double {
    Double(String(decoding: UnsafeBufferPointer(start: start, count: end - start), as: UTF8.self))
      ?? .nan
  }
}
