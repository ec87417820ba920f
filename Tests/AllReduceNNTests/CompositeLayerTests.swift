import AllReduceNN
import XCTest

/// A network of one's own: two branches see the same input, and their outputs stand side by side.
///
/// All that a layer which holds others has to do: pass on its children, run them forward, and run them
/// backward in the reverse order.
private final class TwoBranches<Scalar: NetworkScalar>: Layer, LayerHints {
  private let left: any Layer<Scalar>
  private let right: any Layer<Scalar>
  private var widths = (left: 0, right: 0)

  init(_ left: any Layer<Scalar>, _ right: any Layer<Scalar>) {
    self.left = left
    self.right = right
  }

  var summary: String { "[\(left.summary) | \(right.summary)]" }
  var children: [(name: String, layer: any Layer<Scalar>)] { [("left", left), ("right", right)] }
  var outputMayBeOverwritten: Bool { true }

  func outputShape(for input: Shape) throws -> Shape {
    let outputs = (try left.outputShape(for: input), try right.outputShape(for: input))
    widths = (outputs.0[-1], outputs.1[-1])
    guard outputs.0.rank == 1, outputs.1.rank == 1 else {
      throw ShapeError("\(summary) joins rows, not outputs of \(outputs.0) and \(outputs.1)")
    }
    return [widths.left + widths.right]
  }

  func forward(_ input: Tensor<Scalar>, _ pass: Pass<Scalar>) throws -> Tensor<Scalar> {
    let parts = (try left.forward(input, pass), try right.forward(input, pass))
    let joined = Tensor<Scalar>(shape: [input.rows, widths.left + widths.right])
    for row in 0..<input.rows {
      let places = joined.rows(row..<row + 1).values
      for column in 0..<widths.left { places[column] = parts.0[row * widths.left + column] }
      for column in 0..<widths.right {
        places[widths.left + column] = parts.1[row * widths.right + column]
      }
    }
    return joined
  }

  func backward(
    _ gradient: Tensor<Scalar>, _ pass: Pass<Scalar>, needsInputGradient: Bool
  ) throws -> Tensor<Scalar>? {
    let parts = (
      Tensor<Scalar>(shape: [gradient.rows, widths.left]),
      Tensor<Scalar>(shape: [gradient.rows, widths.right])
    )
    for row in 0..<gradient.rows {
      let places = gradient.rows(row..<row + 1).values
      for column in 0..<widths.left { parts.0[row * widths.left + column] = places[column] }
      for column in 0..<widths.right {
        parts.1[row * widths.right + column] = places[widths.left + column]
      }
    }
    // The last layer first, as parameters lie in memory.
    let ofRight = try right.backward(parts.1, pass, needsInputGradient: needsInputGradient)
    let ofLeft = try left.backward(parts.0, pass, needsInputGradient: needsInputGradient)
    guard let ofLeft, let ofRight else { return nil }
    return Tensor(zip(ofLeft.values, ofRight.values).map { $0 + $1 }, shape: ofLeft.shape)
  }
}

final class CompositeLayerTests: XCTestCase {
  private func twoBranches() -> any Layer<Double> {
    TwoBranches(
      Sequential<Double>(LayerNorm(4), Tanh(), Dropout(0.25)),
      Sequential<Double>(GELU(), LayerNorm(4), ReLU()))
  }

  func testANetworkOfOnesOwn() throws {
    let layers = Sequential<Double>(twoBranches(), LayerNorm(8), Sigmoid())
    let check = try GradientCheck(layers, input: [4], batch: 3)
    XCTAssertEqual(check.network.outputShape, [8])
    XCTAssertEqual(
      check.network.parameters.map(\.name),
      [
        "0.left.0.weight", "0.left.0.bias", "0.right.1.weight", "0.right.1.bias", "1.weight",
        "1.bias",
      ])
    let worst = try check.worst()
    XCTAssertLessThan(worst.error, 1e-6, worst.place)
  }

  /// What is ready is a growing front of the memory.
  func testGradientsBecomeReadyInTheOrderOfTheMemory() throws {
    let layers = Sequential<Float>(
      BatchNorm(4), Residual(LayerNorm(4), shortcut: LayerNorm(4)), LayerNorm(4))
    let network = try Network(layers, input: [4])
    var ready: [String] = []
    let sink = TestSink<Float>()
    defer { withExtendedLifetime(sink) {} }
    network.pass.sink = sink
    sink.onReady = { parameter, range in
      XCTAssertEqual(range, 0..<parameter.shape.count)
      ready.append(parameter.name)
    }
    _ = try network.forward(Tensor(repeating: 2, shape: [3, 4]))
    try network.backward(Tensor(repeating: 1, shape: [3, 4]))
    XCTAssertEqual(ready, network.layout.parameters.map(\.name))
    XCTAssertEqual(ready.count, 8)
  }

  func testResidualAddsItsInputOrShortcut() throws {
    let plain = try Network(Residual(ReLU<Float>()), input: [2])
    XCTAssertEqual(try plain.forward(Tensor([-1, 2], shape: [1, 2])).elements, [-1, 4])
    let projected = Residual(twoBranches(), shortcut: twoBranches())
    let check = try GradientCheck(projected, input: [4], batch: 3)
    let worst = try check.worst()
    XCTAssertLessThan(worst.error, 1e-6, worst.place)
    let inner = try GradientCheck(
      Sequential<Double>(Tanh(), Residual(Sequential<Double>(LayerNorm(3), ReLU())), ReLU()),
      input: [3], batch: 4
    ).worst()
    XCTAssertLessThan(inner.error, 1e-6, inner.place)
  }

  func testShapesThatDoNotFitAreNamed() {
    func expect(_ layer: any Layer<Float>, _ input: Shape, _ parts: String...) {
      XCTAssertThrowsError(try Network(layer, input: input)) {
        let text = "\($0)"
        for part in parts { XCTAssertTrue(text.contains(part), text) }
      }
    }
    expect(BatchNorm(3), [2, 4], "BatchNorm 3", "[2, 4]")
    expect(LayerNorm(3), [], "LayerNorm 3", "[]")
    expect(Residual(Embedding(3, 2)), [4], "Embedding 3 -> 2", "[4, 2]", "of [4]")
  }

  func testLayerNormKnownValues() throws {
    let layer = LayerNorm<Double>(4, epsilon: 0)
    let network = try Network(layer, input: [4])
    layer.weight.values[3] = 3
    layer.bias.values[0] = 1
    let output = try network.forward(Tensor([1, 3, 5, 7, 2, 2, 4, 4], shape: [2, 4])).elements
    let root = 5.0.squareRoot()
    let wanted = [1 - 3 / root, -1 / root, 1 / root, 9 / root, 0, -1, 1, 3]
    for (got, wanted) in zip(output, wanted) { XCTAssertEqual(got, wanted, accuracy: 1e-12) }
    let worst = try GradientCheck(LayerNorm(7), input: [3, 7], batch: 2).worst()
    XCTAssertLessThan(worst.error, 1e-7, worst.place)
  }

  func testEmbeddingLooksUpAndAddsUp() throws {
    let layer = Embedding<Float>(3, 2)
    let network = try Network(layer, input: [2])
    _ = layer.weight.values.values.update(fromContentsOf: [1, 2, 3, 4, 5, 6])
    let output = try network.forward(Tensor([2, 0, 2, 2], shape: [2, 2]))
    XCTAssertEqual(output.shape, [2, 2, 2])
    XCTAssertEqual(output.elements, [5, 6, 1, 2, 5, 6, 5, 6])
    try network.backward(Tensor([1, 2, 3, 4, 5, 6, 7, 8], shape: [2, 2, 2]))
    XCTAssertEqual(layer.weight.gradient.elements, [3, 4, 0, 0, 13, 16])
    for wrong in [3, -1, 0.5, .nan] as [Float] {
      XCTAssertThrowsError(try network.forward(Tensor([0, wrong], shape: [1, 2]))) {
        let text = "\($0)"
        XCTAssertTrue(text.contains("Embedding 3 -> 2") && text.contains("0 to 2"), text)
        XCTAssertTrue(text.contains("\(wrong) at place 1"), text)
      }
    }
  }
}
