/// Measures the duration of steps. The first steps are not counted, since they touch memory for the first time.
package struct StepTimes: Sendable {
  /// The number of first steps that are not counted.
  package static let warmUp = 5
  /// The largest number of durations that are kept, an even number.
  static let mostKept = 4096

  /// The durations of counted steps: of every `stride`-th one, so that a run of many steps takes no more memory.
  private var seconds: [Double] = []
  private var stride = 1
  private var examples = 0
  /// The duration of all counted steps, in seconds. It differs between ranks that rarely wait for each other; a job
  /// takes as long as its slowest rank.
  var total = 0.0
  private var seen = 0

  package init() {}

  package mutating func add(seconds step: Double, examples count: Int) {
    seen += 1
    guard seen > StepTimes.warmUp else { return }
    if (seen - StepTimes.warmUp - 1) % stride == 0 { keep(step) }
    examples += count
    total += step
  }

  private mutating func keep(_ step: Double) {
    seconds.append(step)
    guard seconds.count == StepTimes.mostKept else { return }
    for index in 0..<seconds.count / 2 { seconds[index] = seconds[2 * index] }
    seconds.removeLast(seconds.count / 2)
    stride *= 2
  }

  /// The number of examples per second, over all ranks; nil before the first counted step.
  package var examplesPerSecond: Double? { total > 0 ? Double(examples) / total : nil }

  /// The median duration of a counted step, in seconds; nil before the first one. Beyond ``mostKept`` steps it is the
  /// median of a regular part of them.
  package var median: Double? {
    guard !seconds.isEmpty else { return nil }
    let sorted = seconds.sorted()
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }
}
