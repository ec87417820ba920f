/// How stale the updates of a run were: for each, the number of other workers' updates between the weights that
/// it was computed from and its application.
public struct StalenessHistogram: Equatable, Sendable {
  /// How many updates had each staleness.
  package private(set) var counts: [Int: Int] = [:]

  /// Begins with nothing.
  package init() {}

  /// The updates in all.
  package var total: Int { counts.values.reduce(0, +) }
  /// The mean; nil before the first update.
  public var mean: Double? {
    total == 0
      ? nil : Double(counts.reduce(0) { $0 + $1.key * $1.value }) / Double(total)
  }
  /// The largest; nil before the first update.
  public var maximum: Int? { counts.keys.max() }
  /// Values, ascending, each with its count.
  public var list: [(value: Int, count: Int)] {
    counts.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  mutating func add(_ value: Int, count: Int = 1) { counts[value, default: 0] += count }
}
