import AllReduce
import AllReduceMPI
import XCTest

/// Each conversion between layouts: what it gives, and that it and its conjugate are adjoint, <A x, y> = <x, A'
/// y>, which is what makes the gradients that pass it right.
final class ConversionTests: CollectiveTestCase {
  private let pass = Pass<Double>()

  /// The whole of a batch, as one rank would have it: numbers that tell who they are of, exact in sums.
  private func whole(_ rows: Int, _ width: Int, seed: Int) -> [Double] {
    (0..<rows * width).map { Double((seed &* 7919 &+ $0 &* 104_729) % 1009 - 504) }
  }

  /// What a rank has of a whole in a layout. Partial: addends that are different on all ranks.
  private func local(
    _ whole: [Double], _ width: Int, _ layout: Layout, _ batch: GroupBatch, _ group: Communicator
  ) -> Tensor<Double> {
    let rows = whole.count / width
    let own = BlockPartition(count: width, parts: group.size)[group.rank]
    switch layout {
    case .replicated: return Tensor(whole, shape: [rows, width])
    case .batchSharded:
      return Tensor(
        Array(whole[batch.own.lowerBound * width..<batch.own.upperBound * width]),
        shape: [batch.own.count, width])
    case .featureSharded:
      return Tensor(
        (0..<rows).flatMap { row in own.map { whole[row * width + $0] } }, shape: [rows, own.count])
    case .partial:
      // The first rank's addend makes up for the others'.
      let others = group.size * (group.size - 1) / 2
      return Tensor(
        whole.map { group.rank == 0 ? $0 - Double(others) : Double(group.rank) },
        shape: [rows, width])
    }
  }

  /// The inner product of a batch with the gradient of it. What is replicated is counted once.
  private func product(
    _ a: Tensor<Double>, _ b: Tensor<Double>, isReplicated: Bool, _ group: Communicator
  ) throws -> Double {
    XCTAssertEqual(a.shape, b.shape)
    let own = zip(a.values, b.values).reduce(0) { $0 + $1.0 * $1.1 }
    return isReplicated ? own : try group.allReduce(own, .sum)
  }

  private func check(
    _ from: Layout, _ to: Layout, _ gradient: Layout, _ group: Communicator, counts: [Int],
    width: Int
  ) throws {
    let batch = GroupBatch(over: group)
    let what = "\(from) to \(to), gradient \(gradient), \(counts) x \(width), \(group.size) ranks"
    if from == .batchSharded || to == .batchSharded || gradient == .batchSharded {
      try batch.gather(counts[group.rank], classes: [], [])
    } else {
      batch.share(counts.reduce(0, +), [])
    }
    let rows = counts.reduce(0, +)
    let back = from.wantedGradient
    let forward = Conversion(from: from, to: to)
    let backward = Conversion(from: gradient, to: back)
    let ways = forward.map {
      ConversionExchange<Double>($0, of: [width], batch, isBackward: false)
    }
    let conjugates = backward.map {
      ConversionExchange<Double>($0, of: [width], batch, isBackward: true)
    }
    // Again and again: memory is used a second time, and in the place it is offered.
    for round in 0..<3 {
      let (x, y) = (whole(rows, width, seed: round), whole(rows, width, seed: 31 + round))
      let input = local(x, width, from, batch, group)
      let given = local(y, width, gradient, batch, group)
      var start = input
      if round > 0, let memory = try ways?.memory(input.shape) {
        _ = memory.values.update(fromContentsOf: input.values)
        start = memory
      }
      let output = try ways?.run(start, pass) ?? input
      XCTAssertEqual(
        output.elements, local(x, width, to, batch, group).elements, "\(what), round \(round)")
      let result = try conjugates?.run(given, pass) ?? given
      XCTAssertEqual(
        result.elements, local(y, width, back, batch, group).elements, "\(what), round \(round)")
      // A gradient that is partial on one side pairs with what is replicated there.
      let after = try product(
        output, given, isReplicated: to == .replicated && gradient == .replicated, group)
      let before = try product(
        input, result, isReplicated: from == .replicated && back == .replicated, group)
      XCTAssertEqual(after, before, "\(what), round \(round)")
    }
  }

  private func checkAll(_ group: Communicator) throws {
    let layers: [(takes: Layout, gradient: Layout)] = [
      (.batchSharded, .batchSharded), (.replicated, .replicated), (.replicated, .partial),
      (.featureSharded, .featureSharded),
    ]
    let size = group.size
    let batches: [[Int]] = [
      Array(repeating: 3, count: size), (0..<size).map { $0 }, (0..<size).map { $0 == 0 ? 4 : 0 },
      Array(repeating: 0, count: size),
    ]
    for from in Layout.allCases {
      for (takes, gradient) in layers {
        for counts in batches {
          for width in [size, 7 + size] {
            try check(from, takes, gradient, group, counts: counts, width: width)
          }
        }
      }
    }
  }

  func testEveryBoundaryOverAllRanks() throws { try checkAll(world()) }

  func testEveryBoundaryOnGrids() throws {
    let world = try world()
    for model in 1...world.size where world.size % model == 0 {
      let grid = try Grid(world, GridShape(data: world.size / model, model: model))
      try checkAll(grid.model)
    }
  }

  /// The table of the plan, a line for each layout before and a column for each one behind.
  func testConversionsBetweenLayouts() {
    let layouts: [Layout] = [.batchSharded, .replicated, .featureSharded, .partial]
    let table: [[String?]] = [
      [nil, "all-gather", "all-to-all", nil],
      ["take own examples", nil, "take own features", nil],
      ["all-to-all", "all-gather by features", nil, nil],
      ["reduce-scatter by examples", "all-reduce", "reduce-scatter by features", nil],
    ]
    for (from, row) in zip(layouts, table) {
      for (to, name) in zip(layouts, row) {
        XCTAssertEqual(Conversion(from: from, to: to)?.name, name, "\(from) to \(to)")
      }
    }
  }

  func testNumbersAndClassesOfAGroup() throws {
    let world = try world()
    let batch = GroupBatch(over: world)
    let own = (0..<world.rank).map { 100 * world.rank + $0 }
    try batch.gather(own.count, classes: own.map { Int32($0 % 7) }, own)
    let all = (0..<world.size).flatMap { rank in (0..<rank).map { 100 * rank + $0 } }
    XCTAssertEqual(batch.numbers, all)
    XCTAssertEqual(batch.labels, all.map { Int32($0 % 7) })
    XCTAssertEqual(Array(batch.numbers[batch.own]), own)
    batch.share(7, Array(10..<17))
    XCTAssertEqual(batch.ownNumbers, Array(Array(10..<17)[batch.own]))
    XCTAssertEqual(batch.count, 7)
  }
}
