import AllReduceNN
import Foundation
import XCTest

final class ActivationTests: XCTestCase {
  private func values(
    _ layer: any Layer<Double>, _ x: [Double], training: Bool = true
  ) throws -> [Double] {
    let network = try Network(layer, input: [x.count])
    network.pass.isTraining = training
    return try network.forward(Tensor(x, shape: [1, x.count])).elements
  }

  func testKnownValues() throws {
    XCTAssertEqual(try values(ReLU(), [-2, -0.5, 0, 3]), [0, 0, 0, 3])
    XCTAssertEqual(try values(LeakyReLU(slope: 0.25), [-2, 0, 3]), [-0.5, 0, 3])
    XCTAssertEqual(try values(Tanh(), [0, log(3.0)])[1], 0.8, accuracy: 1e-15)
    XCTAssertEqual(try values(Sigmoid(), [0, log(3.0)]), [0.5, 0.75])
    let exact = try values(GELU(), [-1, 0, 1])
    XCTAssertEqual(exact[0], -0.158655253931457, accuracy: 1e-14)
    XCTAssertEqual(exact[1], 0)
    XCTAssertEqual(exact[2], 0.841344746068543, accuracy: 1e-14)
    let byTanh = try values(GELU(.tanh), [-1, 1])
    let inner = (2 / Double.pi).squareRoot() * 1.044715
    XCTAssertEqual(byTanh[0], -0.5 * (1 - tanh(inner)), accuracy: 1e-14)
    XCTAssertEqual(byTanh[1], 0.5 * (1 + tanh(inner)), accuracy: 1e-14)
  }

  func testGradients() throws {
    let layers: [any Layer<Double>] = [
      ReLU(), LeakyReLU(slope: 0.1), Tanh(), Sigmoid(), GELU(), GELU(.tanh),
    ]
    for layer in layers {
      // No element so near 0 that a step crosses the corner of a rectifier.
      let check = try GradientCheck(layer, input: [3, 7], batch: 4) { random, _ in
        random < 0 ? 3 * random - 0.01 : 3 * random + 0.01
      }
      let worst = try check.worst()
      XCTAssertLessThan(worst.error, 1e-8, "\(layer.summary): \(worst.place)")
    }
  }

  func testRectifiersHaveTheirLowerSlopeAtZero() throws {
    for (layer, slope) in [(ReLU(), 0), (LeakyReLU(slope: 0.25), 0.25)]
      as [(any Layer<Double>, Double)]
    {
      let network = try Network(layer, input: [1])
      _ = try network.forward(Tensor([0], shape: [1, 1]))
      let gradient = try layer.backward(
        Tensor([1], shape: [1, 1]), network.pass, needsInputGradient: true)
      XCTAssertEqual(gradient?.elements, [slope])
    }
  }

  /// What Float computes with kernels, Double computes with the system's functions.
  func testFloatAgreesWithDouble() throws {
    let x = (0..<53).map { Double($0 - 26) / 4 }
    func both<Scalar: NetworkScalar>(_ layer: any Layer<Scalar>) throws -> [Double] {
      let network = try Network(layer, input: [53])
      let output = try network.forward(Tensor(x.map { Scalar($0) }, shape: [1, 53]))
      let result = output.elements
      let gradient = try layer.backward(
        Tensor(repeating: 1, shape: [1, 53]), network.pass, needsInputGradient: true)
      return (result + gradient!.elements).map { Double($0) }
    }
    let pairs: [(any Layer<Float>, any Layer<Double>)] = [
      (ReLU(), ReLU()), (LeakyReLU(), LeakyReLU()), (Tanh(), Tanh()), (Sigmoid(), Sigmoid()),
      (GELU(), GELU()), (GELU(.tanh), GELU(.tanh)), (LayerNorm(53), LayerNorm(53)),
    ]
    for (float, double) in pairs {
      for (got, wanted) in zip(try both(float), try both(double)) {
        XCTAssertEqual(got, wanted, accuracy: 1e-6 * (1 + abs(wanted)), double.summary)
      }
    }
  }

  func testInPlaceOnlyWhereNobodyElseReads() throws {
    let (first, second, third) = (ReLU<Double>(), Tanh<Double>(), Sigmoid<Double>())
    let layers = Sequential<Double>(first, LayerNorm(2), second, third)
    // The first one's input is the caller's; Tanh reads its output again.
    XCTAssertEqual(
      [first, second, third].map(\.worksInPlace), [false, true, false])
    let network = try Network(layers, input: [2])
    let input = Tensor<Double>([-1, 2], shape: [1, 2])
    _ = try network.forward(input)
    XCTAssertEqual(input.elements, [-1, 2])
    let worst = try GradientCheck(layers, input: [2], batch: 3).worst()
    XCTAssertLessThan(worst.error, 1e-6, worst.place)
  }

  func testEmptyBatches() throws {
    let layers: [any Layer<Float>] = [
      ReLU(), GELU(), Dropout(0.5), LayerNorm(4), BatchNorm(4), Residual(Tanh()),
    ]
    for layer in layers {
      let network = try Network(layer, input: [4])
      network.gradients.update(repeating: 7)
      let output = try network.forward(Tensor(shape: [0, 4]))
      XCTAssertEqual(output.shape, [0, 4], layer.summary)
      let gradient = try layer.backward(
        Tensor(shape: [0, 4]), network.pass, needsInputGradient: true)
      XCTAssertEqual(gradient?.shape, [0, 4], layer.summary)
      for parameter in network.parameters {
        XCTAssertEqual(parameter.gradient.elements, [0, 0, 0, 0], parameter.name)
      }
    }
  }
}
