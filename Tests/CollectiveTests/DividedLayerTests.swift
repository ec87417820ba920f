import AllReduce
import AllReduceMPI
import XCTest

/// What divided layers are made of and go back to, their loss, and what does not fit.
final class DividedLayerTests: CollectiveTestCase {
  func testLayersAreDividedAndGathered() throws {
    let world = try world()
    let dense = Dense<Double>(9, 11)
    let network = try Network<Double>(Sequential(dense), input: [9], seed: 4)
    dense.bias?.values.values.update(repeating: 0.5)
    let column = try ColumnParallelDense(sharding: dense, over: world)
    let row = try RowParallelDense(sharding: dense, over: world)
    _ = try Network<Double>(Sequential(column), input: [9], seed: 77)
    let own = BlockPartition(count: 9, parts: world.size)[world.rank]
    _ = try Network<Double>(Sequential(row), input: [own.count], seed: 77)
    for whole in [try column.gathered(), try row.gathered()] {
      XCTAssertEqual(whole.weight.values.elements, dense.weight.values.elements)
      XCTAssertEqual(whole.bias?.values.elements, dense.bias?.values.elements)
    }
    XCTAssertEqual(column.weight.shape[0], column.ownOutputs.count)
    // Made from sizes, first values are those of the whole layer, on any number of ranks.
    let drawn = try ColumnParallelDense<Double>(inputs: 9, outputs: 11, over: world)
    _ = try Network<Double>(Sequential(drawn), input: [9], seed: 4)
    XCTAssertEqual(try drawn.gathered().weight.values.elements, dense.weight.values.elements)
    _ = network
  }

  func testShardedCrossEntropyIsThatOfAllLogits() throws {
    let world = try world()
    let classes = 11
    let own = BlockPartition(count: classes, parts: world.size)[world.rank]
    let random = Philox(seed: 3)
    // Moderate logits, huge ones, and ties.
    for (scale, shift) in [(1.0, 0.0), (300.0, 1e4), (0.0, 5.0)] {
      for smoothing in [0, 0.1, 1] {
        let rows = 13
        let logits = Tensor(
          (0..<rows * classes).map { random.gaussian(at: UInt64($0)) * scale + shift },
          shape: [rows, classes])
        let labels = (0..<rows).map { Int32($0 % classes) }
        let part = Tensor(
          (0..<rows).flatMap { row in own.map { logits[row * classes + $0] } },
          shape: [rows, own.count])
        let gradients = (
          Tensor<Double>(shape: logits.shape), Tensor<Double>(shape: part.shape)
        )
        let loss = try ShardedSoftmaxCrossEntropy<Double>(
          classes: classes, over: world, labelSmoothing: smoothing)
        let expected = try SoftmaxCrossEntropy(labelSmoothing: smoothing).evaluate(
          logits, .classes(labels), gradient: gradients.0)
        let score = try loss.evaluate(part, .classes(labels), gradient: gradients.1)
        let what = "scale \(scale), smoothing \(smoothing)"
        XCTAssertEqual(score.correct, expected.correct, what)
        XCTAssertEqual(score.loss, expected.loss, accuracy: 1e-9 * max(1, abs(expected.loss)), what)
        let mine = (0..<rows).flatMap { row in own.map { gradients.0[row * classes + $0] } }
        assertClose(gradients.1.values, mine, 1e-12, what)
      }
    }
    let wrong: [Int32] = [11]
    XCTAssertThrowsError(
      try ShardedSoftmaxCrossEntropy<Double>(classes: classes, over: world).evaluate(
        Tensor(shape: [1, own.count]), .classes(wrong), gradient: nil))
  }

  func testWhatDoesNotFitIsNamedOnEveryRank() throws {
    let world = try world()
    func assertThrows(_ parts: [String], _ work: () throws -> Void, line: UInt = #line) {
      XCTAssertThrowsError(try work(), line: line) { error in
        for part in parts { XCTAssertTrue("\(error)".contains(part), "\(error)", line: line) }
      }
    }
    let size = world.size
    assertThrows(["\(size + 1) x 2", "\(2 * size + 2) ranks", "\(size)"]) {
      _ = try Grid(world, data: size + 1, model: 2)
    }
    assertThrows(["1 layers", "\(size) ranks", "dense"]) {
      _ = try ModelParallel<Float>([Tanh()], input: [6], over: Grid(world), transition: .a)
    }
    guard size > 1 else { return }
    assertThrows(["\(size - 1) outputs", "\(size) ranks"]) {
      _ = try ColumnParallelDense<Float>(inputs: 8, outputs: size - 1, over: world)
    }
    assertThrows(["\(size - 1) inputs", "\(size) ranks"]) {
      _ = try RowParallelDense<Float>(inputs: size - 1, outputs: 8, over: world)
    }
    let own = world.rank == size - 1 ? 31 : 30
    assertThrows(["outputs of a divided layer", "30", "31"]) {
      _ = try ColumnParallelDense<Float>(inputs: 8, outputs: own, over: world)
    }
    assertThrows(["inputs of a divided layer", "30", "31"]) {
      _ = try ColumnParallelDense<Float>(inputs: own, outputs: 8, over: world)
    }
    assertThrows(["layers or seed"]) {
      _ = try ModelParallel<Float>(
        [Dense(6, 8)], input: [6], over: Grid(world), seed: UInt64(world.rank))
    }
  }
}
