import AllReduceNN
import XCTest

/// Gradients are added to what is there if asked for, and replace it otherwise.
func checkAccumulation(
  _ layer: any Layer<Double>, input: Shape, line: UInt = #line
) throws {
  let check = try GradientCheck(layer, input: input, batch: 3)
  let once = try check.computed()
  let again = try check.computed()
  check.network.pass.accumulatesGradients = true
  let twice = try check.computed()
  for (index, gradient) in once.enumerated() {
    XCTAssertEqual(again[index].values, gradient.values, gradient.name, line: line)
    // The input's gradient belongs to one batch.
    let factor: Double = gradient.name == "input" ? 1 : 2
    for (one, two) in zip(gradient.values, twice[index].values) {
      XCTAssertEqual(two, factor * one, accuracy: 1e-12, gradient.name, line: line)
    }
  }
}

/// Results of an example do not depend on the batches before it, larger or smaller; and an empty batch
/// has gradients of zero.
func checkBatchSizes(_ layer: any Layer<Double>, input: Shape, line: UInt = #line) throws {
  let check = try GradientCheck(layer, input: input, batch: 6)
  let (network, all) = (check.network, check.input)
  let output = try network.forward(all).elements
  let each = output.count / 6
  for range in [0..<2, 1..<6, 3..<4, 0..<6, 2..<2] {
    let part = try network.forward(all.rows(range))
    XCTAssertEqual(part.rows, range.count, line: line)
    let wanted = output[range.lowerBound * each..<range.upperBound * each]
    for (value, wanted) in zip(part.elements, wanted) {
      XCTAssertEqual(value, wanted, accuracy: 1e-12, line: line)
    }
    let gradient = try network.root.backward(
      check.weights.rows(range), network.pass, needsInputGradient: true)
    XCTAssertEqual(gradient?.shape, input.batch(of: range.count), line: line)
  }
  for parameter in network.parameters {
    XCTAssertTrue(parameter.gradient.elements.allSatisfy { $0 == 0 }, parameter.name, line: line)
  }
}

/// The layer does not take such an input, and says so.
func assertShapeError<Scalar>(
  _ layer: any Layer<Scalar>, _ input: Shape, _ text: String, line: UInt = #line
) {
  XCTAssertThrowsError(try layer.outputShape(for: input), line: line) { error in
    XCTAssertTrue(error is ShapeError, "\(error)", line: line)
    XCTAssertEqual("\(error)", text, line: line)
  }
}

/// The results of a layer of 32-bit numbers with a check's parameters and batch: the gradients in the order
/// of `computed()`, then the outputs.
func floatResults(like check: GradientCheck, _ layer: any Layer<Float>) throws -> [[Float]] {
  let network = try Network(layer, input: check.network.inputShape)
  for (parameter, values) in zip(network.parameters, check.network.parameters) {
    for index in 0..<values.shape.count { parameter.values[index] = Float(values.values[index]) }
  }
  let input = Tensor(check.input.elements.map { Float($0) }, shape: check.input.shape)
  let gradient = Tensor(check.weights.elements.map { Float($0) }, shape: check.weights.shape)
  let output = try network.forward(input).elements
  let ofInput = try layer.backward(gradient, network.pass, needsInputGradient: true)
  return [ofInput?.elements ?? []] + network.parameters.map(\.gradient.elements) + [output]
}
