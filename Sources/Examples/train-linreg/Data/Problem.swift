/// The facts about the data that all ranks know.
struct Problem {
  /// The file, or what stands for it.
  let source: String
  /// The names of the features.
  let names: [String]
  /// The name of what is predicted.
  let target: String
  /// How many examples each rank has.
  let rowsPerRank: [Int]
  /// The coefficients that synthetic data were made from, intercept first; nil for data from a file.
  let trueTheta: [Double]?
  /// Whether the root holds all rows, to check the result.
  let isChecked: Bool

  /// How many examples the ranks have together.
  var examples: Int { rowsPerRank.reduce(0, +) }
  /// How many features an example has.
  var features: Int { names.count }

  /// The names of theta's elements.
  var thetaNames: [String] { ["(intercept)"] + names }
}
