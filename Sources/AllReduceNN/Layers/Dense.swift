import CKernels

/// A fully connected layer: every output is a weighted sum of all inputs, and a bias.
///
/// Batches of `[inputs]` give batches of `[outputs]`. A pass forward costs 2 inputs outputs operations an
/// example, one backward twice that. Parameters: "weight", `[outputs, inputs]`, and "bias", `[outputs]`.
///
/// Batches of 8 to 256 examples are multiplied by loops that read large weights once; others, and those of
/// processors without wide vectors, by `cblas_sgemm` and `cblas_dgemm`.
public final class Dense<Scalar: NetworkScalar>: Layer {
  /// The numbers of an example's input.
  public let inputs: Int
  /// The numbers of an example's output.
  public let outputs: Int
  /// A row an output.
  public let weight: Parameter<Scalar>
  /// What is added to the outputs, if anything is.
  public let bias: Parameter<Scalar>?

  /// The loops, for tests to replace.
  package var loops = Scalar.layerLoops
  private var input: Tensor<Scalar>?
  private var output = Scratch<Scalar>()
  private var inputGradient = Scratch<Scalar>()
  private var scratch = Scratch<Scalar>()
  private var columns = Scratch<Scalar>()

  /// Creates a layer.
  ///
  /// - Parameters:
  ///   - inputs: The numbers of an example's input.
  ///   - outputs: The numbers of an example's output.
  ///   - bias: Whether a learned number is added to each output; it is zero at first.
  ///   - initialization: Of the weights; nil means He's.
  public init(
    inputs: Int, outputs: Int, bias: Bool = true, initialization: Initialization? = nil
  ) {
    precondition(
      inputs > 0 && outputs > 0, "a dense layer cannot have \(inputs) inputs, \(outputs) outputs")
    self.inputs = inputs
    self.outputs = outputs
    weight = Parameter(
      "weight", shape: [outputs, inputs], initialization: initialization ?? .he(fanIn: inputs),
      decays: true)
    self.bias =
      bias
      ? Parameter("bias", shape: [outputs], initialization: .constant(0), decays: false) : nil
  }

  /// Creates a layer with a bias and He's initialization.
  public convenience init(_ inputs: Int, _ outputs: Int) {
    self.init(inputs: inputs, outputs: outputs)
  }

  /// "Dense 784 -> 512".
  public var summary: String { "Dense \(inputs) -> \(outputs)" }

  /// "weight" and "bias", if there is one.
  public var parameters: [Parameter<Scalar>] { [weight] + (bias.map { [$0] } ?? []) }

  /// The shape of an example's output, `[outputs]`.
  ///
  /// - Throws: ``ShapeError`` if the layer does not take such an input.
  public func outputShape(for input: Shape) throws -> Shape {
    guard input == [inputs] else {
      throw ShapeError("\(summary) takes examples of \(Shape([inputs])), not of \(input)")
    }
    return [outputs]
  }

  /// Computes the weighted sums, `[batch, outputs]`, of `[batch, inputs]`.
  public func forward(_ input: Tensor<Scalar>, _ pass: Pass<Scalar>) throws -> Tensor<Scalar> {
    self.input = input
    let output = output.tensor([input.rows, outputs])
    guard input.rows > 0 else { return output }
    if usesLoops(input.rows) {
      loops.table.pointee.product(
        input.base, input.rows, inputs, weight.values.base, 1, outputs, bias?.values.base,
        output.base, scratch.tensor([LayerKernels.scratch]).base)
      return output
    }
    if let bias { Scalar.fill(output, withRow: bias.values) }
    Scalar.matrixMatrix(
      transposeA: false, transposeB: true, rows: Int32(input.rows), columns: Int32(outputs),
      inner: Int32(inputs), input.base, weight.values.base, keep: bias == nil ? 0 : 1,
      output.base)
    return output
  }

  /// The gradients of the parameters, then of the input, `[batch, inputs]`.
  public func backward(
    _ gradient: Tensor<Scalar>, _ pass: Pass<Scalar>, needsInputGradient: Bool
  ) throws -> Tensor<Scalar>? {
    guard let input, input.rows == gradient.rows else {
      preconditionFailure("\(summary): a gradient of \(gradient.shape) follows no such batch")
    }
    if let bias {
      Scalar.addRows(of: gradient, keep: pass.accumulatesGradients, to: bias.gradient)
      try pass.finish(bias)
    }
    // Rows whose exchange can start while the next are computed.
    let most = pass.elementsAtOnce.map { max($0 / inputs, 1) } ?? outputs
    for start in stride(from: 0, to: outputs, by: most) {
      let rows = start..<min(start + most, outputs)
      setWeightGradient(rows, of: input, gradient, keep: pass.accumulatesGradients)
      try pass.gradientIsReady?(weight, rows.lowerBound * inputs..<rows.upperBound * inputs)
    }
    return needsInputGradient ? inputGradient(of: input, gradient) : nil
  }

  /// Computes some rows of the weights' gradient.
  private func setWeightGradient(
    _ rows: Range<Int>, of input: Tensor<Scalar>, _ gradient: Tensor<Scalar>, keep: Bool
  ) {
    let target = weight.gradient.base + rows.lowerBound * inputs
    if input.rows == 0 {
      if !keep { target.update(repeating: 0, count: rows.count * inputs) }
      return
    }
    let outputs = rows.count
    var gradient = gradient
    if outputs < self.outputs {
      // The products take whole matrices.
      let part = columns.tensor([gradient.rows, outputs])
      for row in 0..<gradient.rows {
        (part.base + row * outputs).update(
          from: gradient.base + row * self.outputs + rows.lowerBound, count: outputs)
      }
      gradient = part
    }
    if usesLoops(input.rows) {
      let scratch = scratch.tensor([input.rows * (outputs + LayerKernels.rounded(inputs))])
      loops.table.pointee.outer_product(
        gradient.base, input.base, input.rows, outputs, inputs, keep ? 1 : 0, target,
        scratch.base)
    } else {
      Scalar.matrixMatrix(
        transposeA: true, transposeB: false, rows: Int32(outputs), columns: Int32(inputs),
        inner: Int32(input.rows), gradient.base, input.base, keep: keep ? 1 : 0, target)
    }
  }

  private func inputGradient(
    of input: Tensor<Scalar>, _ gradient: Tensor<Scalar>
  ) -> Tensor<Scalar> {
    let result = inputGradient.tensor(input.shape)
    if input.rows == 0 { return result }
    if usesLoops(input.rows) {
      loops.table.pointee.product(
        gradient.base, input.rows, outputs, weight.values.base, 0, inputs, nil, result.base,
        scratch.tensor([LayerKernels.scratch]).base)
    } else {
      Scalar.matrixMatrix(
        transposeA: false, transposeB: false, rows: Int32(input.rows), columns: Int32(inputs),
        inner: Int32(outputs), gradient.base, weight.values.base, keep: 0, result.base)
    }
    return result
  }

  /// Whether our loops are faster than the library's, which rearranges the weights for more rows than
  /// such batches have.
  private func usesLoops(_ batch: Int) -> Bool {
    loops.variant != .scalar && LayerKernels.batches.contains(batch)
  }
}
