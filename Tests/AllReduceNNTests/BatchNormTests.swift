import AllReduceNN
import CKernels
import Foundation
import TestSupport
import XCTest

final class BatchNormTests: XCTestCase {
  /// What one rank has after some steps.
  private struct Outcome<Scalar: NetworkScalar>: Sendable {
    var outputs: [Scalar] = []
    var inputGradients: [Scalar] = []
    var parameterGradients: [Double] = []
    var buffers: [Scalar] = []
  }

  private let channels = 5

  /// An element of the batch of 11 examples of [2, 3, 5], around a large mean in some channels.
  private static func element(_ place: Int, _ step: Int, _ mean: Double) -> Double {
    let channel = place % 5
    return Philox(seed: 6).gaussian(at: UInt64(place), stream: UInt64(step))
      * Double(channel + 1) + (channel == 2 ? mean : Double(channel))
  }

  /// Two steps on ranks which have these parts of the batch's 11 examples.
  private func outcome<Scalar: NetworkScalar>(
    _: Scalar.Type, parts: [Range<Int>], mean: Double = 40
  ) throws -> (ranks: [Outcome<Scalar>], rounds: Int) {
    let threads = RankThreads<Scalar>(parts.count)
    let ranks = try threads.run { rank in
      let layer = BatchNorm<Scalar>(5)
      let network = try Network(Residual(layer), input: [2, 3, 5])
      for channel in 0..<5 {
        layer.weight.values[channel] = Scalar(channel) - 1.5
        layer.bias.values[channel] = Scalar(channel) / 2
      }
      let sink = TestSink<Scalar>()
      defer { withExtendedLifetime(sink) {} }
      network.pass.sink = sink
      if parts.count > 1 { sink.sum = { threads.add($0, rank: rank) } }
      var outcome = Outcome<Scalar>()
      let places = parts[rank].lowerBound * 30..<parts[rank].upperBound * 30
      for step in 0..<2 {
        func tensor(_ stream: Int, _ mean: Double) -> Tensor<Scalar> {
          Tensor(
            places.map { Scalar(Self.element($0, stream, mean)) },
            shape: [parts[rank].count, 2, 3, 5])
        }
        outcome.outputs += try network.forward(tensor(step, mean)).elements
        let gradient = try network.root.backward(
          tensor(10 + step, 0), network.pass, needsInputGradient: true)
        outcome.inputGradients += gradient!.elements
        outcome.parameterGradients += network.parameters.flatMap {
          $0.gradient.elements.map { Double($0) }
        }
      }
      outcome.buffers = network.root.allBuffers.flatMap(\.tensor.elements)
      return outcome
    }
    return (ranks, threads.rounds)
  }

  /// The outputs of all ranks in the order of the batch, step after step.
  private func joined<Scalar>(_ ranks: [[Scalar]]) -> [Scalar] {
    ranks.flatMap { $0.prefix($0.count / 2) } + ranks.flatMap { $0.suffix($0.count / 2) }
  }

  private func expectOneRanksResults<Scalar: NetworkScalar>(
    _ type: Scalar.Type, tolerance: Double
  ) throws {
    let whole = try outcome(type, parts: [0..<11]).ranks[0]
    for parts in [
      [0..<11, 11..<11], [0..<4, 4..<11], [0..<7, 7..<7, 7..<11], [0..<1, 1..<2, 2..<11],
    ] {
      let ranks = try outcome(type, parts: parts).ranks
      func expect(_ got: [Scalar], _ wanted: [Scalar], _ what: String) {
        XCTAssertEqual(got.count, wanted.count)
        for (got, wanted) in zip(got, wanted) {
          XCTAssertEqual(
            Double(got), Double(wanted), accuracy: tolerance * (1 + abs(Double(wanted))),
            "\(what), parts \(parts)")
        }
      }
      expect(joined(ranks.map(\.outputs)), whole.outputs, "outputs")
      expect(joined(ranks.map(\.inputGradients)), whole.inputGradients, "input gradients")
      expect(ranks[0].buffers, whole.buffers, "buffers")
      XCTAssertTrue(ranks.allSatisfy { $0.buffers == ranks[0].buffers }, "buffers differ")
      for (index, wanted) in whole.parameterGradients.enumerated() {
        let sum = ranks.reduce(0) { $0 + $1.parameterGradients[index] }
        XCTAssertEqual(sum, wanted, accuracy: 50 * tolerance * (1 + abs(wanted)))
      }
    }
  }

  func testRanksWithPartsComputeWhatOneRankComputes() throws {
    try expectOneRanksResults(Double.self, tolerance: 1e-11)
    try expectOneRanksResults(Float.self, tolerance: 3e-6)
  }

  func testAMeanFarFromTheRunningMeanCostsOneMoreExchangeAndNoAccuracy() throws {
    let parts = [0..<4, 4..<11]
    // Two steps of one exchange forward and one backward.
    XCTAssertEqual(try outcome(Float.self, parts: parts, mean: 0).rounds, 4)
    let (ranks, rounds) = try outcome(Float.self, parts: parts, mean: 1e5)
    XCTAssertEqual(rounds, 6)
    let exact = try outcome(Double.self, parts: [0..<11], mean: 1e5).ranks[0]
    // Inputs of 1e5 are rounded to 2^-7; the residual's are in the output.
    for (got, wanted) in zip(joined(ranks.map(\.outputs)), exact.outputs) {
      XCTAssertEqual(Double(got), wanted, accuracy: 0.02)
    }
  }

  func testKnownValues() throws {
    let layer = BatchNorm<Double>(2, momentum: 0.25, epsilon: 0)
    let network = try Network(layer, input: [2])
    layer.weight.values[1] = 2
    layer.bias.values[1] = 10
    let input = Tensor<Double>([1, 0, 3, 0, 5, 6, 7, 6], shape: [4, 2])
    let root = 5.0.squareRoot()
    let output = try network.forward(input).elements
    for (got, wanted) in zip(output, [-3 / root, 8, -1 / root, 8, 1 / root, 12, 3 / root, 12]) {
      XCTAssertEqual(got, wanted, accuracy: 1e-12)
    }
    // A quarter of the way from 0 to the means 4 and 3, and from 1 to the variances 20/3 and 12.
    XCTAssertEqual(layer.runningMean.elements, [1, 0.75])
    XCTAssertEqual(layer.runningVariance[0], 0.75 + 20.0 / 12, accuracy: 1e-12)
    XCTAssertEqual(layer.runningVariance[1], 0.75 + 3, accuracy: 1e-12)
    network.pass.isTraining = false
    let evaluated = try network.forward(Tensor([1, 0.75], shape: [1, 2])).elements
    XCTAssertEqual(evaluated, [0, 10])
    XCTAssertEqual(layer.runningMean.elements, [1, 0.75])
    XCTAssertEqual(network.root.allBuffers.map(\.name), ["runningMean", "runningVariance"])
  }

  func testGradients() throws {
    for input in [[6], [2, 2, 3]] as [Shape] {
      let check = try GradientCheck(BatchNorm(input[-1]), input: input, batch: 4)
      let worst = try check.worst()
      XCTAssertLessThan(worst.error, 1e-7, worst.place)
    }
    let evaluating = try GradientCheck(BatchNorm(6), input: [6], batch: 4)
    evaluating.network.pass.isTraining = false
    let worst = try evaluating.worst()
    XCTAssertLessThan(worst.error, 1e-7, worst.place)
  }

  func testGradientsAreAddedWhereTheyAccumulate() throws {
    for layer in [BatchNorm<Double>(3), LayerNorm(3), Embedding(3, 2)] as [any Layer<Double>] {
      let network = try Network(layer, input: [3])
      let input = Tensor<Double>([0, 1, 2, 2, 2, 1], shape: [2, 3])
      func gradients() throws -> [Double] {
        let output = try network.forward(input)
        try network.backward(Tensor(output.values.map { $0 + 1 }, shape: output.shape))
        return network.parameters.flatMap(\.gradient.elements)
      }
      let once = try gradients()
      network.pass.accumulatesGradients = true
      for (twice, once) in zip(try gradients(), once) {
        XCTAssertEqual(twice, 2 * once, accuracy: 1e-9, layer.summary)
      }
    }
  }

  func testKernelsOfAllProcessorsGiveTheSameBits() {
    let levels = ProcessorLevel.available.map(FloatNormalization.init(_:))
    for (rows, width) in [(7, 5), (200, 16), (130, 67), (3, 512)] {
      let random = Philox(seed: 8)
      let x = (0..<rows * width).map { Float(random.gaussian(at: UInt64($0))) }
      func bits(_ functions: FloatNormalization) -> [UInt64] {
        var (sums, products) = (
          [Double](repeating: 0, count: width), [Double](repeating: 0, count: width)
        )
        var (y, g, other) = (x, x, x)
        var (mean, inverse) = (
          [Float](repeating: 0, count: rows), [Float](repeating: 0, count: rows)
        )
        var (ofWeight, ofBias) = (Array(x[..<width]), Array(x[..<width]))
        let (weight, bias) = (Array(x[..<width]), Array(x.suffix(width)))
        functions.columnSums(
          x, rows: rows, width: width, shift: bias, sums: &sums, squares: &products)
        functions.columnProducts(
          y, x, rows: rows, width: width, mean: bias, sums: &sums, products: &products)
        functions.columns(x, &y, rows: rows, width: width, mean: bias, scale: weight, offset: bias)
        functions.columnsGradient(
          &g, x, rows: rows, width: width, mean: bias, scale: weight, offset: bias, slope: weight)
        functions.rows(
          x, &other, rows: rows, width: width, weight: weight, bias: bias, epsilon: 1e-5,
          mean: &mean, inverse: &inverse)
        functions.rowsParameters(
          g, x, rows: rows, width: width, mean: mean, inverse: inverse,
          weightGradient: &ofWeight, biasGradient: &ofBias)
        functions.rowsGradient(
          &g, x, rows: rows, width: width, weight: weight, mean: mean, inverse: inverse)
        let floats = y + g + other + mean + inverse + ofWeight + ofBias
        return (sums + products).map(\.bitPattern) + floats.map { UInt64($0.bitPattern) }
      }
      let expected = bits(levels[0])
      for level in levels.dropFirst() { XCTAssertEqual(bits(level), expected) }
    }
  }
}
