import AllReduce

/// Generated examples: features of different sizes, and a target that is a known linear function of the features plus
/// noise of deviation 1.
///
/// Every number depends only on the seed, the row and the column. So each rank generates its own rows, and the data are
/// the same on any number of ranks.
struct SyntheticData {
  let features: Int
  let seed: UInt64

  /// The mean, deviation and coefficient of three features; further features reuse them in turn.
  private static let recipes: [(mean: Double, deviation: Double, theta: Double)] = [
    (0, 1, 2), (50, 10, -0.3), (-3, 0.5, 7),
  ]

  /// The coefficients from which the target is computed, intercept first.
  var theta: [Double] { [4] + (0..<features).map { SyntheticData.recipes[$0 % 3].theta } }

  /// The names of the features.
  var names: [String] { (1...features).map { "x\($0)" } }

  /// Generates a range of rows.
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
