import AllReduce

/// How long steps take, the first ones left out, in which memory is touched for the first time.
struct StepTimes {
  /// So many steps are not counted.
  static let warmUp = 5

  /// Seconds of each counted step.
  private(set) var seconds: [Double] = []
  private var examples = 0
  private var total = 0.0
  private var seen = 0

  mutating func add(seconds step: Double, examples count: Int) {
    seen += 1
    guard seen > StepTimes.warmUp else { return }
    seconds.append(step)
    examples += count
    total += step
  }

  /// Examples of all ranks a second; nil before any step was counted.
  var examplesPerSecond: Double? { total > 0 ? Double(examples) / total : nil }

  /// The time of the step in the middle; nil before any step was counted.
  var median: Double? {
    guard !seconds.isEmpty else { return nil }
    let sorted = seconds.sorted()
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }
}
