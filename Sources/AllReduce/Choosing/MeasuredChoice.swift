/// Turns measured times into an algorithm for each size.
package enum MeasuredChoice {
  /// The measurements at one size: the median of each algorithm's times.
  package struct Size {
    package let bytes: Int
    package let seconds: [ReductionAlgorithm: Double]

    package init(bytes: Int, seconds: [ReductionAlgorithm: Double]) {
      self.bytes = bytes
      self.seconds = seconds
    }
  }

  /// How much faster an algorithm has to be to take sizes from the one before it. Less is noise.
  static let margin = 1.03
  /// How much slower than the fastest a choice may be.
  static let tolerance = 1.05

  /// The choices that cost least, in ascending order of sizes.
  ///
  /// What a choice costs is how many times as long as the fastest it takes, multiplied over all sizes, and
  /// ``margin`` for every change from one size to the next; so a single measurement that went astray changes
  /// nothing, and several sizes at which an algorithm is a little faster do. Where two sizes differ in their
  /// algorithms the limit lies at their geometric mean.
  ///
  /// - Parameter sizes: Ascending; each with at least one time.
  /// - Returns: Steps of which the last has no limit.
  package static func steps(_ sizes: [Size]) -> [AutomaticChoice.Step] {
    // In a fixed order, and an algorithm's own segments first, so that these win where times are equal.
    let candidates = Set(sizes.flatMap(\.seconds.keys)).sorted {
      ($0.kind.rawValue, $0.segmentBytes ?? 0) < ($1.kind.rawValue, $1.segmentBytes ?? 0)
    }
    var costs = [Double](repeating: 1, count: candidates.count)
    var origins: [[Int]] = []
    for size in sizes {
      let fastest = size.seconds.values.min() ?? 1
      let cheapest = costs.indices.min { costs[$0] < costs[$1] } ?? 0
      let row = costs.indices.map { costs[cheapest] * margin < costs[$0] ? cheapest : $0 }
      costs = candidates.indices.map { index in
        let ratio = (size.seconds[candidates[index]] ?? .infinity) / fastest
        let change = row[index] == index ? 1 : margin
        return ratio <= tolerance ? costs[row[index]] * change * ratio : .infinity
      }
      origins.append(row)
    }
    return steps(sizes, candidates, origins, last: costs.indices.min { costs[$0] < costs[$1] } ?? 0)
  }

  /// Follows the cheapest way back to the smallest size.
  private static func steps(
    _ sizes: [Size], _ candidates: [ReductionAlgorithm], _ origins: [[Int]], last: Int
  ) -> [AutomaticChoice.Step] {
    var steps: [AutomaticChoice.Step] = []
    var chosen = last
    var limit: Int?
    for index in sizes.indices.reversed() {
      let before = origins[index][chosen]
      if index == 0 || before != chosen {
        steps.append(AutomaticChoice.Step(upToBytes: limit, candidates[chosen]))
        if index > 0 {
          let mean = Double(sizes[index - 1].bytes) * Double(sizes[index].bytes)
          limit = Int(mean.squareRoot())
        }
      }
      chosen = before
    }
    return steps.reversed()
  }
}
