/// What all ranks know about the data.
struct Problem {
  /// The name of the file, or a description of made-up data.
  let source: String
  /// The names of the features.
  let names: [String]
  /// The name of the target.
  let target: String
  /// The number of examples on each rank.
  let rowsPerRank: [Int]
  /// The coefficients from which synthetic data were made, intercept first; nil for data from a file.
  let trueTheta: [Double]?
  /// Whether the root holds all examples, so that it can check the result.
  let isChecked: Bool

  /// The number of examples, over all ranks.
  var examples: Int { rowsPerRank.reduce(0, +) }
  /// The number of features of an example.
  var features: Int { names.count }

  /// The names of the coefficients (theta), intercept first.
  var thetaNames: [String] { ["(intercept)"] + names }
}
