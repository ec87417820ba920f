import AllReduce
import AllReduceMPI
import XCTest

/// The exchanges of divided layers, forward and backward: each against what it is by definition, with
/// numbers that tell who they are of.
final class ConjugatePairTests: CollectiveTestCase {
  private let pass = Pass<Double>()

  /// Numbers that depend on the rank and the place.
  private func numbers(_ rank: Int, _ shape: Shape) -> Tensor<Double> {
    Tensor((0..<shape.count).map { Double(100 * (rank + 1) + $0) }, shape: shape)
  }

  private func sum(_ world: Communicator, _ shape: Shape) -> [Double] {
    let all = (0..<world.size).map { numbers($0, shape).elements }
    return (0..<shape.count).map { index in
      var sum = 0.0
      for own in all { sum += own[index] }
      return sum
    }
  }

  func testCopyAllReduce() throws {
    let world = try world()
    let pair = CopyAllReduce<Double>(over: world)
    for rows in [3, 0, 7, 200] {
      let input = numbers(0, [rows, 5])
      XCTAssertEqual(pair.forward(input, pass).elements, input.elements)
      let gradient = try pair.backward(
        numbers(world.rank, [rows, 5]), pass, needsInputGradient: true)
      XCTAssertEqual(gradient?.elements, sum(world, [rows, 5]))
    }
    XCTAssertNil(try pair.backward(numbers(0, [1, 5]), pass, needsInputGradient: false))
  }

  func testAllReduceCopy() throws {
    let world = try world()
    let pair = AllReduceCopy<Double>(over: world)
    for rows in [3, 0, 7, 200] {
      let output = try pair.forward(numbers(world.rank, [rows, 5]), pass)
      XCTAssertEqual(output.elements, sum(world, [rows, 5]))
      let gradient = numbers(7, [rows, 5])
      XCTAssertEqual(
        pair.backward(gradient, pass, needsInputGradient: true)?.elements, gradient.elements)
    }
  }

  func testScatterGatherAndGatherScatterOfUnevenColumns() throws {
    let world = try world()
    for width in [world.size, 10, 17] {
      let scatter = try ScatterGather<Double>(width: width, over: world)
      let gather = try GatherScatter<Double>(width: width, over: world)
      let own = BlockPartition(count: width, parts: world.size)[world.rank]
      for rows in [4, 0, 9] {
        let whole = numbers(0, [rows, width])
        let mine = (0..<rows).flatMap { row in own.map { whole[row * width + $0] } }
        let part = scatter.forward(whole, pass)
        XCTAssertEqual(part.shape, [rows, own.count])
        XCTAssertEqual(part.elements, mine)
        let back = try scatter.backward(part, pass, needsInputGradient: true)
        XCTAssertEqual(back?.elements, whole.elements)
        XCTAssertEqual(try gather.forward(part, pass).elements, whole.elements)
        XCTAssertEqual(
          gather.backward(whole, pass, needsInputGradient: true)?.elements, mine)
      }
      XCTAssertEqual(try scatter.outputShape(for: [width]), [own.count])
      XCTAssertThrowsError(try scatter.outputShape(for: [width + 1]))
    }
  }

  func testAllGatherReduceScatterOfUnevenBatches() throws {
    let world = try world()
    let pair = AllGatherReduceScatter<Double>(over: world)
    for rows in [{ _ in 3 }, { $0 }, { 5 - $0 }, { $0 == 0 ? 4 : 0 }] as [(Int) -> Int] {
      let counts = (0..<world.size).map(rows)
      let all = counts.indices.flatMap { numbers($0, [counts[$0], 2, 3]).elements }
      let output = try pair.forward(numbers(world.rank, [counts[world.rank], 2, 3]), pass)
      XCTAssertEqual(output.shape, [counts.reduce(0, +), 2, 3])
      XCTAssertEqual(output.elements, all)
      let gradient = try pair.backward(
        numbers(world.rank, output.shape), pass, needsInputGradient: true)
      let start = counts[..<world.rank].reduce(0, +) * 6
      let own = sum(world, output.shape)[start..<start + counts[world.rank] * 6]
      XCTAssertEqual(gradient?.elements, Array(own))
    }
  }

  func testStartedBlockCollectivesMayOverlap() throws {
    let world = try world()
    let count = world.size * 1000
    let arenas = try (0..<4).map { _ in try Arena<Double>(count: count, over: world) }
    let blocks = BlockPartition(count: count, parts: world.size)
    for root in 0..<world.size {
      for index in 0..<count {
        arenas[0].values[index] = blocks[world.rank].contains(index) ? Double(index) : -1
        arenas[1].values[index] = Double(index + world.rank)
        arenas[2].values[index] = world.rank == root ? Double(index) : -1
        arenas[3].values[index] = Double(index - world.rank)
      }
      let gather = try world.startAllGather(arenas[0].all)
      let scatter = try world.startReduceScatter(arenas[1].all, .sum)
      let broadcast = try world.startBroadcast(arenas[2].all, from: root)
      let reduce = try world.startReduce(arenas[3].all, .sum, to: root)
      try reduce.wait()
      try scatter.wait()
      try gather.wait()
      try broadcast.wait()
      let ranks = Double(world.size * (world.size - 1) / 2)
      XCTAssertTrue((0..<count).allSatisfy { arenas[0].values[$0] == Double($0) })
      XCTAssertTrue((0..<count).allSatisfy { arenas[2].values[$0] == Double($0) })
      XCTAssertTrue(
        blocks[world.rank].allSatisfy {
          arenas[1].values[$0] == Double($0 * world.size) + ranks
        })
      XCTAssertTrue(
        world.rank != root
          || (0..<count).allSatisfy { arenas[3].values[$0] == Double($0 * world.size) - ranks })
    }
  }
}
