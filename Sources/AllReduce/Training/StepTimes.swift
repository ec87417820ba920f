/// How long steps took. The first ones do not count: in them memory is touched for the first time.
package struct StepTimes: Sendable {
  /// How many steps do not count.
  package static let warmUp = 5

  private var seconds: [Double] = []
  private var examples = 0
  /// The seconds of those that count. Ranks that rarely wait for each other differ in it, and a job takes as long as its
  /// slowest rank.
  var total = 0.0
  private var seen = 0

  mutating func add(seconds step: Double, examples count: Int) {
    seen += 1
    guard seen > StepTimes.warmUp else { return }
    seconds.append(step)
    examples += count
    total += step
  }

  /// Examples of all ranks a second; nil before any step counts.
  package var examplesPerSecond: Double? { total > 0 ? Double(examples) / total : nil }

  /// The median of a step's seconds; nil before any step counts.
  package var median: Double? {
    guard !seconds.isEmpty else { return nil }
    let sorted = seconds.sorted()
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }
}
