public import ArgumentParser

/// A number of bytes as command lines give it: a plain integer, or one followed by Ki, Mi or Gi.
public struct ByteCount: Sendable, Hashable, ExpressibleByArgument {
  /// The number of bytes.
  public let bytes: Int

  private static let units: [(suffix: String, bytes: Int)] = [
    ("Gi", 1 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10),
  ]

  /// Creates a count of `bytes` bytes.
  public init(_ bytes: Int) {
    self.bytes = bytes
  }

  /// Creates a count from a command-line argument such as 65536, 64Ki or 1Mi. Nil if the argument is not such a number,
  /// or the number is negative or too large.
  public init?(argument: String) {
    let unit = ByteCount.units.first { argument.hasSuffix($0.suffix) }
    let digits = argument.dropLast(unit?.suffix.count ?? 0)
    guard !digits.isEmpty, digits.allSatisfy({ $0.isASCII && $0.isNumber }),
      let number = Int(digits)
    else { return nil }
    let (bytes, overflow) = number.multipliedReportingOverflow(by: unit?.bytes ?? 1)
    if overflow { return nil }
    self.bytes = bytes
  }

  /// The count in readable form, with the largest unit that is exact: 64 KiB, 5000 B.
  public var text: String {
    for unit in ByteCount.units where bytes >= unit.bytes && bytes % unit.bytes == 0 {
      return "\(bytes / unit.bytes) \(unit.suffix)B"
    }
    return "\(bytes) B"
  }

  /// The number of bytes, as help shows a default value.
  public var defaultValueDescription: String { "\(bytes)" }
}
