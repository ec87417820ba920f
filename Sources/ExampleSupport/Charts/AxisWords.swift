/// Numbers as the ticks of axes show them.
public enum AxisWords {
  /// Seconds in the unit that fits: 250 µs.
  public static func duration(_ seconds: Double) -> String {
    scaled(seconds, [("s", 1), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9)])
  }

  /// A count in words: 20 million.
  public static func count(_ value: Double) -> String {
    scaled(value, [("billion", 1e9), ("million", 1e6), ("thousand", 1e3), ("", 1)])
  }

  /// The number in the largest unit that it fills; the smallest if it fills none.
  private static func scaled(_ value: Double, _ units: [(name: String, size: Double)]) -> String {
    let unit = units.first { value >= $0.size * 0.999 } ?? units[units.count - 1]
    let number = (value / unit.size).formatted(digits: 3)
    return unit.name.isEmpty ? number : "\(number) \(unit.name)"
  }
}
