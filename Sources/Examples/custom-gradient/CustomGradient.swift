import AllReduce
import ArgumentParser
import ExampleSupport
import Foundation

/// Logistic regression without a layer of this library: the program's own code computes the gradient, and a
/// `GradientReducer` averages it over all ranks.
@main
struct CustomGradient: TrainingProgram {
  static let configuration = CommandConfiguration(
    commandName: "custom-gradient",
    abstract: "Trains a model of one's own on any number of ranks, and finds the same on each.",
    discussion: """
      Learns to tell benign tumours from malignant ones by logistic regression. Each rank goes over its \
      own part of the examples, in plain Swift; the loss printed does not depend on how many ranks \
      there are.

        mpirun -np 4 .build/release/custom-gradient
      """,
    version: ProgramVersion.text)

  @Argument(help: "Comma-separated numbers; the last column is 0 or 1.")
  var data = "data/breast_cancer.csv"

  @Option(help: "How many steps to take.")
  var steps = 500

  @OptionGroup(title: "Job") var job: JobOptions

  func describeData(in world: Communicator) throws -> String { try DataFile.describe(data) }

  func validate() throws {
    try OptionBounds.check("steps", steps)
  }

  static func main() {
    ProgramMain.run(CustomGradient.self) { command, world, console in
      try command.run(in: world, console)
    }
  }

  private func run(in world: Communicator, _ console: RankConsole) throws {
    let table = try world.agreeing { try NumericTable(csv: data, part: 0, of: 1) }
    let rows = CustomGradient.standardized(table.values)
    let own = Array(rows[BlockPartition(count: rows.count, parts: world.size)[world.rank]])

    let reducer = try GradientReducer<Double>(count: table.values.columns, over: world)
    var weights = [Double](repeating: 0, count: table.values.columns)
    var score = BatchScore()
    for _ in 0..<steps {
      score = try reducer.reduce(
        reducer.withGradient { CustomGradient.addUp(own, at: weights, into: &$0) })
      for index in weights.indices { weights[index] -= 0.5 * reducer.gradient[index] }
    }
    try console.print(
      "\(world.size) \(world.size == 1 ? "rank" : "ranks"), \(score.examples) examples: "
        + "loss \(score.meanLoss.formatted(decimals: 9)), \(score.correct) right")
  }

  /// Computes the sum of the losses of the examples, stores its gradient in `gradient`, and returns the sum.
  private static func addUp(
    _ examples: [[Double]], at weights: [Double], into gradient: inout MutableSpan<Double>
  ) -> BatchScore {
    for index in gradient.indices { gradient[index] = 0 }
    var score = BatchScore(examples: examples.count)
    for example in examples {
      // The last number of an example is its class; the last weight is the intercept.
      let features = example.count - 1
      let target = example[features]
      var logit = weights[features]
      for index in 0..<features { logit += weights[index] * example[index] }
      let probability = 1 / (1 + exp(-logit))
      score.loss += max(logit, 0) - logit * target + log1p(exp(-abs(logit)))
      score.correct += (logit > 0) == (target == 1) ? 1 : 0
      for index in 0..<features { gradient[index] += (probability - target) * example[index] }
      gradient[features] += probability - target
    }
    return score
  }

  /// Returns the rows with every column but the last scaled to mean 0 and deviation 1.
  private static func standardized(_ values: Matrix<Double>) -> [[Double]] {
    var rows = (0..<values.rows).map { Array(values[row: $0]) }
    for column in 0..<values.columns - 1 {
      let mean = rows.reduce(0) { $0 + $1[column] } / Double(rows.count)
      let variance = rows.reduce(0) { $0 + pow($1[column] - mean, 2) } / Double(rows.count)
      for row in rows.indices {
        rows[row][column] = (rows[row][column] - mean) / max(variance.squareRoot(), 1e-12)
      }
    }
    return rows
  }
}
