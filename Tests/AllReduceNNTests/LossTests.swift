import AllReduceNN
import Foundation
import XCTest

final class LossTests: XCTestCase {
  /// A loss's score, and its gradient.
  private func evaluate<Scalar: NetworkScalar>(
    _ loss: some Loss<Scalar>, _ output: [Scalar], _ shape: Shape, classes: [Int32]
  ) throws -> (score: BatchScore, gradient: [Scalar]) {
    let gradient = Tensor<Scalar>(shape: shape)
    let score = try loss.evaluate(
      Tensor(output, shape: shape), .classes(classes), gradient: gradient)
    return (score, gradient.elements)
  }

  private func evaluate<Scalar: NetworkScalar>(
    _ loss: some Loss<Scalar>, _ output: [Scalar], _ shape: Shape, values: [Scalar]
  ) throws -> (score: BatchScore, gradient: [Scalar]) {
    let gradient = Tensor<Scalar>(shape: shape)
    let score = try loss.evaluate(
      Tensor(output, shape: shape), .values(Tensor(values, shape: shape)), gradient: gradient)
    return (score, gradient.elements)
  }

  func testSoftmaxCrossEntropyOfWrittenOutProbabilities() throws {
    // Probabilities 1/8, 2/8, 5/8 and 1/3 each.
    let logits: [Double] = [0, log(2.0), log(5.0), 4, 4, 4]
    for smoothing in [0, 0.1, 1] as [Double] {
      let (score, gradient) = try evaluate(
        SoftmaxCrossEntropy(labelSmoothing: smoothing), logits, [2, 3], classes: [2, 1])
      let third = 1.0 / 3
      let probabilities: [Double] = [0.125, 0.25, 0.625, third, third, third]
      let others = smoothing * third
      let right = 1 - smoothing + others
      let targets: [Double] = [others, others, right, others, right, others]
      var loss = 0.0
      for (target, probability) in zip(targets, probabilities) { loss -= target * log(probability) }
      XCTAssertEqual(score.loss, loss, accuracy: 1e-12)
      for index in 0..<6 {
        XCTAssertEqual(gradient[index], probabilities[index] - targets[index], accuracy: 1e-12)
      }
      // Among equal logits the lowest class counts, so the second example is wrong.
      XCTAssertEqual(score.examples, 2)
      XCTAssertEqual(score.correct, 1)
    }
  }

  func testSoftmaxOfHugeLogitsIsFinite() throws {
    for smoothing in [0, 0.1] {
      let (score, gradient) = try evaluate(
        SoftmaxCrossEntropy<Float>(labelSmoothing: smoothing),
        [1000, -1000, 0, -1000, -1000, 1000], [2, 3], classes: [0, 0])
      // Losses without smoothing: 0 and 2,000. With it, a class's 1/30 times its distance from the top.
      let spread = smoothing / 3 * (1000 + 2000)
      let wrong = smoothing / 3 * (2000 + 2000) + (1 - smoothing) * 2000
      XCTAssertEqual(score.loss, spread + wrong, accuracy: 1e-3)
      XCTAssertTrue(gradient.allSatisfy(\.isFinite))
      XCTAssertEqual(gradient[3], Float(-1 + smoothing - smoothing / 3), accuracy: 1e-6)
      XCTAssertEqual(score.correct, 1)
    }
  }

  func testNaNIsNotHidden() throws {
    let (score, gradient) = try evaluate(
      SoftmaxCrossEntropy<Float>(), [.nan, 1, 2], [1, 3], classes: [2])
    XCTAssertTrue(score.loss.isNaN)
    XCTAssertTrue(gradient.contains(where: \.isNaN))
  }

  func testClassesAreOneARowOfTheLastDimension() throws {
    let (score, _) = try evaluate(
      SoftmaxCrossEntropy<Double>(), [Double](repeating: 1, count: 24), [2, 3, 4],
      classes: [0, 1, 2, 3, 0, 1])
    XCTAssertEqual(score.examples, 6)
    XCTAssertEqual(score.loss, 6 * log(4), accuracy: 1e-12)
    XCTAssertEqual(score.correct, 2)
  }

  func testAClassThatIsNotThereIsNamed() {
    for wrong in [10, -1] as [Int32] {
      XCTAssertThrowsError(
        try evaluate(
          SoftmaxCrossEntropy<Float>(), [Float](repeating: 0, count: 20), [2, 10],
          classes: [9, wrong])
      ) {
        let text = "\($0)"
        XCTAssertTrue(text.contains("0 to 9") && text.contains("class \(wrong) at place 1"), text)
      }
    }
  }

  func testMeanSquaredErrorWrittenOut() throws {
    let (score, gradient) = try evaluate(
      MeanSquaredError(), [1, 2, 3, 4], [2, 2], values: [0, 4, 3, 1])
    XCTAssertEqual(score, BatchScore(examples: 2, loss: (1 + 4) / 2 + (0 + 9) / 2))
    XCTAssertEqual(gradient, [1, -2, 0, 3])
  }

  func testBinaryCrossEntropyWrittenOut() throws {
    // Probabilities 3/4, 1/5 and 1/2.
    let (score, gradient) = try evaluate(
      BinaryCrossEntropy(), [log(3.0), -log(4.0), 0], [3, 1], values: [1, 0.25, 0])
    let losses = [-log(0.75), -0.25 * log(0.2) - 0.75 * log(0.8), -log(0.5)]
    XCTAssertEqual(score.loss, losses.reduce(0, +), accuracy: 1e-12)
    for (got, wanted) in zip(gradient, [0.75 - 1, 0.2 - 0.25, 0.5]) {
      XCTAssertEqual(got, wanted, accuracy: 1e-12)
    }
    XCTAssertEqual(score.correct, 3)
    let float = try evaluate(
      BinaryCrossEntropy<Float>(), [1000, -1000, 1000, -1000], [2, 2], values: [1, 0, 0, 1])
    XCTAssertEqual(float.score, BatchScore(examples: 2, loss: 1000, correct: 1))
    XCTAssertEqual(float.gradient, [0, 0, 0.5, -0.5])
  }

  func testBinaryTargetsOutsideTheirRangeAreNamed() {
    XCTAssertThrowsError(
      try evaluate(BinaryCrossEntropy<Float>(), [0, 0], [2, 1], values: [0, 1.5])
    ) { XCTAssertTrue("\($0)".contains("1.5 at place 1"), "\($0)") }
  }

  /// Against central differences, in Double.
  func testGradients() throws {
    let random = Philox(seed: 3)
    let output = (0..<20).map { 6 * random.uniform(at: $0) - 3 }
    let values = (0..<20).map { random.uniform(at: $0, stream: 1) }
    func expectDifferences(
      _ evaluate: ([Double]) throws -> (score: BatchScore, gradient: [Double])
    ) throws {
      let gradient = try evaluate(output).gradient
      for index in output.indices {
        var (more, less) = (output, output)
        more[index] += 1e-5
        less[index] -= 1e-5
        let difference = try (evaluate(more).score.loss - evaluate(less).score.loss) / 2e-5
        XCTAssertEqual(gradient[index], difference, accuracy: 1e-8)
      }
    }
    for smoothing in [0, 0.2] {
      try expectDifferences {
        try evaluate(
          SoftmaxCrossEntropy(labelSmoothing: smoothing), $0, [4, 5], classes: [0, 4, 2, 2])
      }
    }
    try expectDifferences { try evaluate(MeanSquaredError(), $0, [4, 5], values: values) }
    try expectDifferences { try evaluate(BinaryCrossEntropy(), $0, [4, 5], values: values) }
  }

  func testFloatAgreesWithDoubleAndWorksInPlaceAndWithoutGradient() throws {
    let random = Philox(seed: 4)
    let (rows, width) = (5, 37)
    let output = (0..<rows * width).map { 10 * random.uniform(at: UInt64($0)) - 5 }
    let values = output.indices.map { random.uniform(at: UInt64($0), stream: 1) }
    let classes: [Int32] = [0, 36, 7, 8, 9]
    func all<Scalar: NetworkScalar>(_: Scalar.Type) throws -> [Double] {
      var numbers: [Double] = []
      for loss in [
        SoftmaxCrossEntropy<Scalar>(labelSmoothing: 0.1), MeanSquaredError<Scalar>(),
        BinaryCrossEntropy<Scalar>(),
      ] as [any Loss<Scalar>] {
        let tensor = Tensor(output.map { Scalar($0) }, shape: [rows, width])
        let targets: Targets<Scalar> =
          loss is SoftmaxCrossEntropy<Scalar>
          ? .classes(classes)
          : .values(Tensor(values.map { Scalar($0) }, shape: [rows, width]))
        let alone = try loss.evaluate(tensor, targets, gradient: nil)
        let beside = Tensor<Scalar>(shape: [rows, width])
        XCTAssertEqual(try loss.evaluate(tensor, targets, gradient: beside), alone)
        XCTAssertEqual(try loss.evaluate(tensor, targets, gradient: tensor), alone)
        XCTAssertEqual(tensor.elements, beside.elements)
        numbers += [alone.loss, Double(alone.correct)] + beside.elements.map { Double($0) }
      }
      return numbers
    }
    for (got, wanted) in zip(try all(Float.self), try all(Double.self)) {
      XCTAssertEqual(got, wanted, accuracy: 2e-6 * (1 + abs(wanted)))
    }
  }

  func testAnEmptyBatchScoresNothing() throws {
    let none = BatchScore()
    XCTAssertEqual(
      try evaluate(SoftmaxCrossEntropy<Float>(), [], [0, 3], classes: []).score, none)
    XCTAssertEqual(try evaluate(MeanSquaredError<Float>(), [], [0, 3], values: []).score, none)
    XCTAssertEqual(try evaluate(BinaryCrossEntropy<Float>(), [], [0, 3], values: []).score, none)
  }
}
