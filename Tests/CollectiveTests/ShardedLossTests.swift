import AllReduce
import AllReduceMPI
import XCTest

/// Softmax cross-entropy of logits whose classes are sharded, against that of all logits.
final class ShardedLossTests: CollectiveTestCase {
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
}
