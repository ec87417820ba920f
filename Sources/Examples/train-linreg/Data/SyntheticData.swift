import AllReduce

/// Made-up examples: features of different sizes, and a target that a known theta gives but for
/// noise of deviation 1.
///
/// Every number is a function of the seed, the row and the column alone, so a rank makes its own
/// rows and the data are the same on any number of ranks.
struct SyntheticData {
  let features: Int
  let seed: UInt64

  /// Mean, deviation and theta of three features, used again for further ones.
  private static let recipes: [(mean: Double, deviation: Double, theta: Double)] = [
    (0, 1, 2), (50, 10, -0.3), (-3, 0.5, 7),
  ]

  /// The coefficients of the target, intercept first.
  var theta: [Double] { [4] + (0..<features).map { SyntheticData.recipes[$0 % 3].theta } }

  /// The names of the features.
  var names: [String] { (1...features).map { "x\($0)" } }

  /// Some of the rows.
  func examples(_ rows: Range<Int>) -> Examples {
    let generator = Philox(seed: seed)
    let theta = theta
    var values: [Double] = []
    values.reserveCapacity(rows.count * (features + 1))
    for row in rows {
      var target = theta[0] + generator.gaussian(at: UInt64(row), stream: 0)
      for feature in 0..<features {
        let recipe = SyntheticData.recipes[feature % 3]
        let value =
          recipe.mean
          + recipe.deviation * generator.gaussian(at: UInt64(row), stream: UInt64(feature + 1))
        values.append(value)
        target += theta[feature + 1] * value
      }
      values.append(target)
    }
    return Examples(
      values: values, columns: features + 1, target: features, first: rows.lowerBound)
  }
}
