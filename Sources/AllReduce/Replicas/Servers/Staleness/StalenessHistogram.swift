/// A histogram of the staleness of a run's updates. The staleness of an update is the number of other workers' updates
/// between the weights from which it was computed and its application.
public struct StalenessHistogram: Equatable, Sendable {
  /// The number of updates with each staleness.
  package private(set) var counts: [Int: Int] = [:]

  /// Creates an empty histogram.
  package init() {}

  /// The total number of updates.
  package var total: Int { counts.values.reduce(0, +) }
  /// The mean staleness; nil before the first update.
  public var mean: Double? {
    total == 0
      ? nil : Double(counts.reduce(0) { $0 + $1.key * $1.value }) / Double(total)
  }
  /// The largest staleness; nil before the first update.
  public var maximum: Int? { counts.keys.max() }
  /// The staleness values in ascending order, each with the number of updates that had it.
  public var list: [(value: Int, count: Int)] {
    counts.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  mutating func add(_ value: Int, count: Int = 1) { counts[value, default: 0] += count }
}
