import AllReduce
import XCTest

/// The losses of many steps, in every mode of update, against those of one rank that has all examples.
final class LossCurveTests: CollectiveTestCase {
  private static let steps = 100
  private static let examples = 120
  private static let batch = 24
  private static let inputs = 20

  private func parallel(
    over communicator: Communicator, _ start: ReductionStart, _ mode: UpdateMode
  ) throws -> DataParallel<Float> {
    let network = try Network<Float>(
      Sequential(Dense(LossCurveTests.inputs, 40), LayerNorm(40), ReLU(), Dense(40, 4)),
      input: [LossCurveTests.inputs], seed: 3, takesMemory: false)
    return try DataParallel(
      network, over: communicator, start: start, bucketBytes: 1024, update: mode,
      optimizer: Momentum())
  }

  /// The losses of a training in which a rank takes its part of each batch.
  private func losses(
    _ parallel: DataParallel<Float>, part: Int, of parts: Int
  ) throws -> [Double] {
    let width = LossCurveTests.inputs
    let random = Philox(seed: 4)
    let own = BlockPartition(count: LossCurveTests.batch, parts: parts)[part]
    return try (0..<LossCurveTests.steps).map { step in
      let first = step * LossCurveTests.batch % LossCurveTests.examples
      let numbers = own.map { first + $0 }
      let inputs = Tensor<Float>(
        numbers.flatMap { example in
          (0..<width).map { Float(random.gaussian(at: UInt64(example * width + $0))) }
        }, shape: [numbers.count, width])
      let total = try parallel.step { _ in
        try parallel.forward(inputs, .classes(numbers.map { Int32($0 % 4) }), SoftmaxCrossEntropy())
      }
      XCTAssertTrue(try parallel.update(learningRate: 0.02))
      return total.loss / Double(total.examples)
    }
  }

  func testAHundredStepsLoseTheSameInAllModes() throws {
    let world = try world()
    let reference = try losses(
      parallel(over: try world.split(color: world.rank), .afterBackward, .replicated), part: 0,
      of: 1)
    XCTAssertLessThan(reference[LossCurveTests.steps - 1], 0.5 * reference[0])
    for mode in UpdateMode.allCases {
      for start in ReductionStart.allCases {
        let curve = try losses(
          parallel(over: world, start, mode), part: world.rank, of: world.size)
        for (step, (a, b)) in zip(curve, reference).enumerated() {
          XCTAssertLessThanOrEqual(abs(a - b), 1e-4 * abs(b), "\(mode) \(start), step \(step)")
        }
      }
    }
  }
}
