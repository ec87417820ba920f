import AllReduceNN
import CKernels
import TestSupport
import XCTest

final class DropoutTests: XCTestCase {
  /// The outputs of a batch of ones: 0 where dropped.
  private func outputs<Scalar: NetworkScalar>(
    _ network: Network<Scalar>, examples: [Int], width: Int
  ) throws -> [[Scalar]] {
    network.pass.examples = examples
    let output = try network.forward(
      Tensor(repeating: 1, shape: [examples.count, width])
    ).elements
    return examples.indices.map { Array(output[$0 * width..<($0 + 1) * width]) }
  }

  private func network<Scalar: NetworkScalar>(
    _ layer: any Layer<Scalar>, width: Int, step: UInt64 = 0, seed: UInt64 = 9
  ) throws -> Network<Scalar> {
    let network = try Network(layer, input: [width], seed: seed)
    network.pass.step = step
    return network
  }

  func testAnExampleHasTheSameMaskInAnySplit() throws {
    let width = 203
    let whole = try outputs(
      network(Dropout<Float>(0.4), width: width), examples: [31, 7, 5_000_000_000, 2], width: width)
    let other = try network(Dropout<Float>(0.4), width: width)
    XCTAssertEqual(
      try outputs(other, examples: [2], width: width)
        + outputs(other, examples: [5_000_000_000, 7, 31], width: width),
      [whole[3], whole[2], whole[1], whole[0]])
    XCTAssertEqual(Set(whole).count, 4)
  }

  func testTheKernelDropsWhatTheMaskSays() throws {
    let mask = DropoutMask(seed: 1 << 40 + 7, layer: 3, step: 1 << 33, kept: 40_000)
    let example = 1 << 35 + 11
    let expected = (0..<1_000).map { mask.keeps($0, of: example) ? Float(1.5) : 0 }
    for functions in ProcessorLevel.available.map(FloatVectorFunctions.init(_:)) {
      for count in [1_000, 64, 70, 1] {
        var values = [Float](repeating: 1, count: count)
        functions.drop(values, &values, count: count, mask: mask, example: example, scale: 1.5)
        XCTAssertEqual(values, Array(expected[..<count]))
      }
    }
    var wide = [Double](repeating: 1, count: 1_000)
    Double.vectorFunctions.drop(
      wide, &wide, count: 1_000, mask: mask, example: example, scale: 1.5)
    XCTAssertEqual(wide, expected.map(Double.init))
  }

  func testLayersStepsAndSeedsHaveMasksOfTheirOwn() throws {
    let (first, second) = (Dropout<Float>(0.5), Dropout<Float>(0.5))
    let both = try Network(
      Sequential<Float>(first, Residual(Sequential<Float>(second))), input: [100], seed: 9)
    XCTAssertEqual([first.number, second.number], [0, 1])
    XCTAssertEqual(both.parameterCount, 0)
    var masks = Set<[Float]>()
    for (layer, step, seed) in [(0, 0, 9), (1, 0, 9), (0, 1, 9), (0, 0, 10)] {
      let dropout = Dropout<Float>(0.5)
      let network = try network(dropout, width: 100, step: UInt64(step), seed: UInt64(seed))
      dropout.number = layer
      masks.insert(try outputs(network, examples: [4], width: 100)[0])
    }
    XCTAssertEqual(masks.count, 4)
  }

  func testTheRateAndTheMeanAreKept() throws {
    for rate in [0.1, 0.5, 0.9] {
      let width = 100_000
      let output = try outputs(
        network(Dropout<Float>(rate), width: width), examples: [0, 1], width: width
      ).flatMap { $0 }
      let dropped = Double(output.count { $0 == 0 }) / Double(2 * width)
      // Five deviations of a binomial distribution.
      let tolerance = 5 * (rate * (1 - rate) / Double(2 * width)).squareRoot()
      XCTAssertEqual(dropped, rate, accuracy: tolerance)
      let kept = try XCTUnwrap(output.first { $0 != 0 })
      XCTAssertEqual(Double(kept), 1 / (1 - rate), accuracy: 1e-3)
      XCTAssertTrue(output.allSatisfy { $0 == 0 || $0 == kept })
      // Neighbours do not know of each other.
      let pairs = zip(output, output.dropFirst()).count { $0 == 0 && $1 == 0 }
      XCTAssertEqual(Double(pairs) / Double(2 * width), rate * rate, accuracy: 0.01)
    }
  }

  func testTheGradientHasTheMaskOfTheForwardPass() throws {
    let layer = Dropout<Double>(0.3)
    let network = try network(layer, width: 150, step: 5)
    let output = try outputs(network, examples: [8, 9], width: 150).flatMap { $0 }
    // What comes after the forward pass does not matter.
    network.pass.examples = []
    network.pass.step = 6
    let gradient = layer.backward(
      Tensor(repeating: 1, shape: [2, 150]), network.pass, needsInputGradient: true)
    XCTAssertEqual(gradient?.elements, output)
    XCTAssertTrue(output.contains(0))
    let worst = try GradientCheck(Dropout(0.3), input: [2, 40], batch: 3).worst()
    XCTAssertLessThan(worst.error, 1e-8, worst.place)
  }

  func testEvaluationAndARateOfZeroChangeNothing() throws {
    let input = Tensor<Float>([1, 2, 3], shape: [1, 3])
    let dropping = try network(Dropout<Float>(0.5), width: 3)
    dropping.pass.isTraining = false
    XCTAssertEqual(try dropping.forward(input).elements, [1, 2, 3])
    XCTAssertEqual(try network(Dropout<Float>(0), width: 3).forward(input).elements, [1, 2, 3])
  }
}
