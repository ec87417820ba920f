public import ArgumentParser

/// A number of bytes as command lines give it: a plain integer, or one followed by Ki, Mi or Gi.
public struct ByteCount: Sendable, Hashable, ExpressibleByArgument {
  /// The number.
  public let bytes: Int

  private static let units: [(suffix: String, bytes: Int)] = [
    ("Gi", 1 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10),
  ]

  /// A number of bytes.
  public init(_ bytes: Int) {
    self.bytes = bytes
  }

  /// The number written as `argument`: 65536, 64Ki, 1Mi. Nil if it is not one, or negative, or too
  /// large.
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

  /// The number as people read it, where that is exact: 64 KiB, 5000 B.
  public var text: String {
    for unit in ByteCount.units where bytes >= unit.bytes && bytes % unit.bytes == 0 {
      return "\(bytes / unit.bytes) \(unit.suffix)B"
    }
    return "\(bytes) B"
  }

  /// The number as help shows it.
  public var defaultValueDescription: String { "\(bytes)" }
}
