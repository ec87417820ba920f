/// Chooses an algorithm for each vector size from measured times.
package enum MeasuredChoice {
  /// The measurements at one vector size: the median time of each algorithm, in seconds.
  package struct Size {
    package let bytes: Int
    package let seconds: [ReductionAlgorithm: Double]

    package init(bytes: Int, seconds: [ReductionAlgorithm: Double]) {
      self.bytes = bytes
      self.seconds = seconds
    }
  }

  /// The factor by which another algorithm must be faster for the choice to change from one size to the next. A smaller
  /// gain is noise.
  static let margin = 1.03
  /// The largest ratio of a chosen algorithm's time to the fastest time at the same size.
  static let tolerance = 1.05

  /// Returns the sequence of choices with the lowest cost, in ascending order of sizes.
  ///
  /// The cost of a sequence is a product. Its factors are, for each size, the ratio of the chosen algorithm's time to
  /// the fastest time, and for each change of algorithm from one size to the next, ``margin``. So a single outlier
  /// changes nothing, while an algorithm that is a little faster at several sizes is chosen. The limit between two
  /// sizes with different algorithms is the geometric mean of the sizes.
  ///
  /// - Parameter sizes: The measurements in ascending order of size; each has at least one time.
  /// - Returns: The steps; the last one has no limit.
  package static func steps(_ sizes: [Size]) -> [AutomaticChoice.Step] {
    // In a fixed order, with default segments first, so that these win where times are equal.
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

  /// Builds the steps by following the cheapest sequence back from the largest size to the smallest.
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
