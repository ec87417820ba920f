import AllReduceNN

/// Compares a layer's gradients with central differences of its forward pass, in Double.
///
/// The loss is the sum of the outputs, each times a fixed random number, so its gradient in the outputs is
/// those numbers.
struct GradientCheck {
  /// The layer with memory for its parameters.
  let network: Network<Double>
  /// A batch; checks move its elements and put them back.
  let input: Tensor<Double>
  /// The loss's gradient in the outputs.
  let weights: Tensor<Double>

  /// Draws a batch, and parameters that are nowhere zero.
  ///
  /// - Parameters:
  ///   - layer: What is checked.
  ///   - input: The shape of an example.
  ///   - batch: The number of examples.
  ///   - seed: Of all that is drawn.
  ///   - values: Makes an input element of a uniform random number in [-1, 1) and its place.
  /// - Throws: ``ShapeError`` if the layer does not take the input.
  init(
    _ layer: any Layer<Double>, input: Shape, batch: Int, seed: UInt64 = 1,
    values: (Double, Int) -> Double = { random, _ in random }
  ) throws {
    network = try Network(layer, input: input, seed: seed)
    let random = Philox(seed: seed)
    func uniform(_ place: Int, _ stream: UInt64) -> Double {
      2 * random.uniform(at: UInt64(place), stream: stream) - 1
    }
    for (number, parameter) in network.parameters.enumerated() {
      for index in 0..<parameter.shape.count {
        parameter.values[index] = uniform(index, 100 + UInt64(number))
      }
    }
    self.input = Tensor(shape: input.batch(of: batch))
    for index in 0..<self.input.count { self.input[index] = values(uniform(index, 1), index) }
    weights = Tensor(shape: network.outputShape.batch(of: batch))
    for index in 0..<weights.count { weights[index] = uniform(index, 2) }
  }

  /// The loss of the batch as it is.
  func loss() throws -> Double {
    let output = try network.forward(input)
    precondition(
      output.shape == weights.shape, "the layer gave \(output.shape), not \(weights.shape)")
    return zip(output.elements, weights.elements).reduce(0) { $0 + $1.0 * $1.1 }
  }

  /// The gradients that the layer computes: the input's and then the parameters'.
  func computed() throws -> [(name: String, values: [Double])] {
    _ = try network.forward(input)
    // The layer may overwrite what it is given.
    let gradient = Tensor(weights.elements, shape: weights.shape)
    guard
      let ofInput = try network.root.backward(gradient, network.pass, needsInputGradient: true)
    else { return [] }
    precondition(ofInput.shape == input.shape, "\(ofInput.shape) for an input of \(input.shape)")
    return [("input", ofInput.elements)]
      + network.parameters.map { ($0.name, $0.gradient.elements) }
  }

  /// The largest difference between a computed gradient and the central difference, and where it is.
  ///
  /// Relative to the largest of the central differences, at least 1, of the input or the parameter.
  func worst(step: Double = 1e-5) throws -> (error: Double, place: String) {
    var worst = (error: 0.0, place: "nowhere")
    let gradients = try computed()
    guard !gradients.isEmpty else { return (.infinity, "no input gradient") }
    for (name, values) in gradients {
      let tensor = network.parameters.first { $0.name == name }?.values ?? input
      let expected = try (0..<tensor.count).map { try difference(in: tensor, at: $0, step: step) }
      let scale = expected.reduce(1) { max($0, abs($1)) }
      for (index, (value, wanted)) in zip(values, expected).enumerated() {
        let error = abs(value - wanted) / scale
        // The negation lets a NaN be the worst.
        if !(error <= worst.error) {
          worst = (error, "\(name)[\(index)]: \(value), not \(wanted)")
        }
      }
    }
    return worst
  }

  private func difference(in tensor: Tensor<Double>, at index: Int, step: Double) throws -> Double {
    let value = tensor[index]
    defer { tensor[index] = value }
    tensor[index] = value + step
    let above = try loss()
    tensor[index] = value - step
    return (above - (try loss())) / (2 * step)
  }
}
