/// Measures the duration of steps. The first steps are not counted, since they touch memory for the first time.
package struct StepTimes: Sendable {
  /// The number of first steps that are not counted.
  package static let warmUp = 5

  private var seconds: [Double] = []
  private var examples = 0
  /// The duration of all counted steps, in seconds. It differs between ranks that rarely wait for each other; a job
  /// takes as long as its slowest rank.
  var total = 0.0
  private var seen = 0

  mutating func add(seconds step: Double, examples count: Int) {
    seen += 1
    guard seen > StepTimes.warmUp else { return }
    seconds.append(step)
    examples += count
    total += step
  }

  /// The number of examples per second, over all ranks; nil before the first counted step.
  package var examplesPerSecond: Double? { total > 0 ? Double(examples) / total : nil }

  /// The median duration of a counted step, in seconds; nil before the first one.
  package var median: Double? {
    guard !seconds.isEmpty else { return nil }
    let sorted = seconds.sorted()
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }
}
