import AllReduce
import AllReduceMPI
import XCTest

/// The losses of many steps, in every mode of update, against those of one rank that has all examples.
final class LossCurveTests: CollectiveTestCase {
  private static let steps = 100
  private static let examples = 120
  private static let batch = 24
  private static let inputs = 20

  /// The losses of a training in which each rank takes its part of each batch.
  private func losses(
    over world: Communicator, _ mode: UpdateMode, overlap: Bool
  ) throws -> [Double] {
    let width = LossCurveTests.inputs
    let trainer = try Trainer<Float>(
      Sequential(Dense(width, 40), LayerNorm(40), ReLU(), Dense(40, 4)), input: [width],
      plan: Plan(layers: .data, update: mode, overlap: overlap, bucketBytes: 1024), over: world,
      optimizer: Momentum(), loss: SoftmaxCrossEntropy(), seed: 3)
    let random = Philox(seed: 4)
    let own = BlockPartition(count: LossCurveTests.batch, parts: world.size)[world.rank]
    return try (0..<LossCurveTests.steps).map { step in
      let first = step * LossCurveTests.batch % LossCurveTests.examples
      let numbers = own.map { first + $0 }
      let inputs = Tensor<Float>(
        numbers.flatMap { example in
          (0..<width).map { Float(random.gaussian(at: UInt64(example * width + $0))) }
        }, shape: [numbers.count, width])
      return try trainer.step(
        inputs, .classes(numbers.map { Int32($0 % 4) }), learningRate: 0.02
      ).meanLoss
    }
  }

  func testAHundredStepsLoseTheSameInAllModes() throws {
    let world = try world()
    let reference = try losses(
      over: world.split(color: world.rank), .replicated, overlap: false)
    XCTAssertLessThan(reference[LossCurveTests.steps - 1], 0.5 * reference[0])
    for mode in UpdateMode.allCases {
      for overlap in [true, false] {
        let curve = try losses(over: world, mode, overlap: overlap)
        for (step, (a, b)) in zip(curve, reference).enumerated() {
          XCTAssertLessThanOrEqual(abs(a - b), 1e-4 * abs(b), "\(mode) \(overlap), step \(step)")
        }
      }
    }
  }
}
