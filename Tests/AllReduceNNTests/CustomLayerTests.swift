import AllReduceNN
import XCTest

/// A layer of one's own: each feature times a learned factor.
private final class Scale: Layer {
  let factor: Parameter<Double>
  private let width: Int
  private var input: Tensor<Double>?
  private var output = Scratch<Double>()

  init(_ width: Int) {
    self.width = width
    factor = Parameter("factor", shape: [width], initialization: .constant(1), decays: false)
  }

  var summary: String { "Scale \(width)" }
  var parameters: [Parameter<Double>] { [factor] }
  func outputShape(for input: Shape) throws -> Shape { input }

  func forward(_ input: Tensor<Double>, _ pass: Pass<Double>) throws -> Tensor<Double> {
    self.input = input
    let output = output.tensor(input.shape)
    for index in 0..<input.count { output[index] = input[index] * factor.values[index % width] }
    return output
  }

  func backward(
    _ gradient: Tensor<Double>, _ pass: Pass<Double>, needsInputGradient: Bool
  ) throws -> Tensor<Double>? {
    factor.startGradient(in: pass)
    if let input {
      for index in 0..<input.count {
        factor.gradient[index % width] += gradient[index] * input[index]
      }
    }
    try pass.finish(factor)
    guard needsInputGradient else { return nil }
    for index in 0..<gradient.count { gradient[index] *= factor.values[index % width] }
    return gradient
  }
}

/// What `Layer` asks of a layer of one's own, and what it gets for it.
final class CustomLayerTests: XCTestCase {
  func testGradients() throws {
    try XCTAssertLessThan(GradientCheck(Scale(5), input: [5], batch: 4).worst().error, 1e-8)
    try checkAccumulation(Scale(5), input: [5])
    try checkBatchSizes(Scale(5), input: [5])
  }

  func testABatchInPartsHasTheGradientOfTheWhole() throws {
    let check = try GradientCheck(
      Sequential(Dense(3, 5), Scale(5), Tanh(), Dense(5, 2)), input: [3], batch: 6)
    let network = check.network
    func learn(_ rows: Range<Int>) throws {
      _ = try network.forward(check.input.rows(rows))
      try network.backward(Tensor(check.weights.rows(rows).elements, shape: [rows.count, 2]))
    }
    try learn(0..<6)
    let whole = network.parameters.map(\.gradient.elements)
    // What is left of another step must not be added to; then parts are, one of them empty.
    network.gradients.update(repeating: .nan)
    try learn(0..<2)
    network.pass.accumulatesGradients = true
    try learn(2..<2)
    try learn(2..<6)
    for (parameter, wanted) in zip(network.parameters, whole) {
      for (value, wanted) in zip(parameter.gradient.elements, wanted) {
        XCTAssertEqual(value, wanted, accuracy: 1e-12, parameter.name)
      }
    }
  }
}
