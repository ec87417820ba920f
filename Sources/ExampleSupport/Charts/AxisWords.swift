/// Formats numbers as labels of an axis's ticks.
public enum AxisWords {
  /// Returns a duration in the unit that suits it, such as 250 µs.
  public static func duration(_ seconds: Double) -> String {
    scaled(seconds, [("s", 1), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9)])
  }

  /// Returns a count with its order of magnitude as a word, such as 20 million.
  public static func count(_ value: Double) -> String {
    scaled(value, [("billion", 1e9), ("million", 1e6), ("thousand", 1e3), ("", 1)])
  }

  /// Formats the value in the largest unit that does not exceed it; in the smallest unit if all do.
  private static func scaled(_ value: Double, _ units: [(name: String, size: Double)]) -> String {
    let unit = units.first { value >= $0.size * 0.999 } ?? units[units.count - 1]
    let number = (value / unit.size).formatted(digits: 3)
    return unit.name.isEmpty ? number : "\(number) \(unit.name)"
  }
}
