import AllReduce
import ExampleSupport

/// Least squares by limited-memory BFGS with parameter servers: workers compute portions of the sum on demand, servers
/// hold shards of theta.
struct QuasiNewton {
  /// The coefficients found, in standard units, intercept first.
  let theta: [Double]
  /// The number of times that the sum over all examples was computed.
  let evaluations: Int
  /// The sum of squared errors over all examples.
  let sumOfSquares: Double

  /// Finds theta. Collective. Every rank first gathers all examples, as it may have to compute any portion.
  ///
  /// - Throws: Any error of the communicator.
  init(
    on own: Examples, in problem: Problem, servers: Int, evaluations most: Int,
    over world: Communicator
  ) throws {
    let columns = problem.features + 1
    let rows = try world.allGather(own.design.elements)
    let targets = try world.allGather(own.targets)
    let method = try Sandblaster(count: columns, over: world, servers: servers)
    method.evaluations = most
    let scale = 1 / Double(problem.examples)
    let found = try method.minimize(
      from: [Double](repeating: 0, count: columns), items: problem.examples
    ) { theta, items, gradient in
      var squares = 0.0
      for row in items {
        var residual = -targets[row]
        for column in 0..<columns { residual += rows[row * columns + column] * theta[column] }
        squares += residual * residual
        for column in 0..<columns {
          gradient[column] += residual * scale * rows[row * columns + column]
        }
      }
      return 0.5 * scale * squares
    }
    theta = found.point
    evaluations = found.evaluations
    sumOfSquares = 2 * found.value / scale
  }
}
