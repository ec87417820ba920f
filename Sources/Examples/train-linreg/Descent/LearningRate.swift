import AllReduce
import Foundation

/// Chooses a learning rate with which gradient descent cannot diverge.
enum LearningRate {
  /// Computes a safe learning rate for examples in standard units. Collective.
  ///
  /// Descent over all examples converges at rates below 2 divided by the largest eigenvalue of X^T X / m. Power
  /// iteration finds this eigenvalue, and no rank needs the whole matrix. For mini-batches, twice the expected
  /// smoothness of a sample replaces the eigenvalue (Gower et al., "SGD: general analysis and improved rates", 2019).
  /// The rate is rounded down to three digits, so that a user can give the same rate as an option.
  static func safe(
    for examples: Examples, in problem: Problem, batchSize: Int?, _ exchange: Exchange
  ) throws -> Double {
    let largest = try largestEigenvalue(examples, problem, exchange)
    guard let batchSize, batchSize < problem.examples else {
      // Power iteration approaches the eigenvalue from below; the margin of 5% is many times the remaining error.
      return roundedDown(1 / (1.05 * largest))
    }
    let (b, m) = (Double(batchSize), Double(problem.examples))
    let longest = try longestRow(examples, exchange)
    let smoothness = (m * (b - 1) * largest + (m - b) * longest) / (b * (m - 1))
    return roundedDown(1 / (2.1 * smoothness))
  }

  private static func largestEigenvalue(
    _ examples: Examples, _ problem: Problem, _ exchange: Exchange
  ) throws -> Double {
    let count = problem.features + 1
    var vector = (0..<count).map { Philox(seed: 0).gaussian(at: UInt64($0)) }
    var image = [Double](repeating: 0, count: examples.count)
    var product = vector
    var eigenvalue = 1.0
    for _ in 0..<50 {
      let length = Double.dot(vector, vector, count: count).squareRoot()
      for index in 0..<count { vector[index] /= length }
      examples.design.multiply(vector, into: &image)
      examples.design.multiplyTransposed(image, into: &product)
      try exchange.combine(&product)
      for index in 0..<count { product[index] /= Double(problem.examples) }
      eigenvalue = max(eigenvalue, Double.dot(vector, product, count: count))
      swap(&vector, &product)
    }
    return eigenvalue
  }

  /// Returns the largest squared length of an example, over all ranks. Collective.
  private static func longestRow(_ examples: Examples, _ exchange: Exchange) throws -> Double {
    var longest = [0.0]
    for row in 0..<examples.count {
      longest[0] = max(longest[0], examples.design[row: row].reduce(0) { $0 + $1 * $1 })
    }
    try exchange.combine(&longest, .maximum)
    return longest[0]
  }

  private static func roundedDown(_ rate: Double) -> Double {
    let unit = pow(10, floor(log10(rate)) - 2)
    // Converted to text and back, to get 0.236 and not 0.23600000000000002.
    return Double(String(format: "%.2e", floor(rate / unit * (1 + 1e-12)) * unit)) ?? rate
  }
}
