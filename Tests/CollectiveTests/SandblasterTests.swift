import AllReduce
import AllReduceMPI
import XCTest

/// Least squares by limited-memory BFGS, whose sums workers make and whose vectors servers hold.
final class SandblasterTests: CollectiveTestCase {
  func testFindsTheExactSolutionOfDiabetes() throws {
    let world = try world()
    try XCTSkipIf(world.size < 2, "a server and a coordinator are two ranks")
    let table = try NumericTable(csv: "data/diabetes.csv")
    let target = try table.columnIndex("progression")
    let (rows, columns) = (table.values.rows, table.columnNames.count)
    let features = (0..<columns).filter { $0 != target }
    // Standard units, and a one for the intercept.
    var design: [Double] = []
    for row in 0..<rows { design += [1] + features.map { table.values[row, $0] } }
    for column in 1..<columns {
      let values = (0..<rows).map { design[$0 * columns + column] }
      let mean = values.reduce(0, +) / Double(rows)
      let deviation = (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(rows))
        .squareRoot()
      for row in 0..<rows {
        design[row * columns + column] = (values[row] - mean) / deviation
      }
    }
    let targets = (0..<rows).map { table.values[$0, target] }
    let exact = try XCTUnwrap(
      LeastSquares.solve(
        design: Matrix(rows: rows, columns: columns, elements: design), targets: targets))
    for servers in 1...max(1, min(3, world.size - 1)) {
      let method = try Sandblaster(count: columns, over: world, servers: servers)
      method.portions = 10
      let found = try method.minimize(from: [Double](repeating: 0, count: columns), items: rows) {
        point, items, gradient in
        // The last worker is slow: its portions are handed out again.
        if world.rank == world.size - servers - 1, world.rank > 0 { sleepThread(seconds: 0.002) }
        var sum = 0.0
        for row in items {
          let values = design[row * columns..<(row + 1) * columns]
          let residual = zip(values, point).reduce(-targets[row]) { $0 + $1.0 * $1.1 }
          sum += residual * residual / Double(2 * rows)
          for (index, value) in values.enumerated() {
            gradient[index] += residual * value / Double(rows)
          }
        }
        return sum
      }
      assertClose(found.point, exact, 1e-8, "\(servers) servers")
      XCTAssertLessThan(found.evaluations, 60)
    }
  }

  func testTooFewRanksAreRefused() throws {
    let world = try world()
    XCTAssertThrowsError(try Sandblaster(count: 100, over: world, servers: world.size)) {
      XCTAssertTrue("\($0)".contains("no worker"), "\($0)")
    }
  }
}
