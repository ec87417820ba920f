import CKernels

/// The three products of a dense layer, whole or a shard of one, with the memory they need.
///
/// Batches of 8 to 256 examples are multiplied by loops that read large weights once; others, and
/// all batches on processors without wide vectors, by `cblas_sgemm` and `cblas_dgemm`. A weight is `[outputs, inputs]`.
package struct DenseProducts<Scalar: NetworkScalar> {
  /// The loops, for tests to replace.
  package var loops = Scalar.layerLoops
  /// Rows of a weight that the loops take together; pieces of a multiple of it lose no speed.
  private let panelRows = 64
  private var scratch = Scratch<Scalar>()
  private var columns = Scratch<Scalar>()

  /// Prepares nothing yet.
  package init() {}

  /// output = start + input x weight transposed: `[batch, outputs]`, from `[batch, inputs]`.
  package mutating func multiply(
    _ input: Tensor<Scalar>, _ weight: Tensor<Scalar>, from start: Tensor<Scalar>?,
    to output: Tensor<Scalar>
  ) {
    let (outputs, inputs) = (weight.shape[0], weight.shape[1])
    guard input.rows > 0 else { return }
    if usesLoops(input.rows) {
      loops.table.pointee.product(
        input.base, input.rows, inputs, weight.base, 1, outputs, start?.base, output.base,
        scratch.tensor([LayerKernels.scratch]).base)
      return
    }
    if let start { Scalar.fill(output, withRow: start) }
    Scalar.matrixMatrix(
      transposeA: false, transposeB: true, rows: Int32(input.rows), columns: Int32(outputs),
      inner: Int32(inputs), input.base, weight.base, keep: start == nil ? 0 : 1, output.base)
  }

  /// Same as ``multiply(_:_:from:to:)``, of a weight and a bias that may still be on their way from other ranks: of
  /// a large one in pieces, each as soon as it is there.
  ///
  /// - Throws: The errors of ``GradientSink/willUse(_:_:)``.
  package mutating func multiply(
    _ input: Tensor<Scalar>, _ weight: Parameter<Scalar>, from start: Parameter<Scalar>?,
    to output: Tensor<Scalar>, _ pass: Pass<Scalar>
  ) throws {
    let (outputs, inputs) = (weight.shape[0], weight.shape[1])
    let sink = pass.sink
    let most = sink?.pieceElements.map { max($0 / inputs / panelRows, 1) * panelRows } ?? outputs
    guard let sink, most < outputs else {
      try sink?.willUse(weight, 0..<weight.shape.count)
      if let start { try sink?.willUse(start, 0..<start.shape.count) }
      multiply(input, weight.values, from: start?.values, to: output)
      return
    }
    for first in stride(from: 0, to: outputs, by: most).reversed() {
      let rows = first..<min(first + most, outputs)
      try sink.willUse(weight, rows.lowerBound * inputs..<rows.upperBound * inputs)
      let part = columns.tensor([input.rows, rows.count])
      multiply(input, weight.values.rows(rows), from: nil, to: part)
      for row in 0..<input.rows {
        (output.base + row * outputs + first).update(
          from: part.base + row * rows.count, count: rows.count)
      }
    }
    // The bias comes last: it lies in front of the weight.
    guard let start else { return }
    try sink.willUse(start, 0..<start.shape.count)
    Scalar.add(start.values, toRowsOf: output)
  }

  /// result = gradient transposed x input, plus what is there if `keep`: the gradient of the weight.
  package mutating func setWeightGradient(
    of input: Tensor<Scalar>, _ gradient: Tensor<Scalar>, keep: Bool, to result: Tensor<Scalar>
  ) {
    let (outputs, inputs) = (result.shape[0], result.shape[1])
    if input.rows == 0 {
      if !keep { result.values.setToZero() }
    } else if usesLoops(input.rows) {
      loops.table.pointee.outer_product(
        gradient.base, input.base, input.rows, outputs, inputs, keep ? 1 : 0, result.base,
        outerScratch(input.rows, outputs, inputs))
    } else {
      Scalar.matrixMatrix(
        transposeA: true, transposeB: false, rows: Int32(outputs), columns: Int32(inputs),
        inner: Int32(input.rows), gradient.base, input.base, keep: keep ? 1 : 0, result.base)
    }
  }

  /// result = gradient x weight: the gradient of the input, `[batch, inputs]`.
  package mutating func multiplyBack(
    _ gradient: Tensor<Scalar>, _ weight: Tensor<Scalar>, to result: Tensor<Scalar>
  ) {
    let (outputs, inputs) = (weight.shape[0], weight.shape[1])
    if gradient.rows == 0 { return }
    if usesLoops(gradient.rows) {
      loops.table.pointee.product(
        gradient.base, gradient.rows, outputs, weight.base, 0, inputs, nil, result.base,
        scratch.tensor([LayerKernels.scratch]).base)
    } else {
      Scalar.matrixMatrix(
        transposeA: false, transposeB: false, rows: Int32(gradient.rows), columns: Int32(inputs),
        inner: Int32(outputs), gradient.base, weight.base, keep: 0, result.base)
    }
  }

  /// The gradients of a layer's parameters, each reported when it is complete, of a large weight in parts.
  ///
  /// - Parameters:
  ///   - weight: `[outputs, inputs]`.
  ///   - bias: `[outputs]`; nil for none.
  ///   - input: The batch's.
  ///   - gradient: The gradient of the outputs.
  ///   - pass: Its sink may give the optimizer's step for the weight instead (``GradientSink/weightStep(for:)``).
  ///   - isLast: Whether the weight is no longer read in this pass, so that it may change.
  /// - Throws: The errors of ``GradientSink/isReady(_:_:)``.
  package mutating func learn(
    _ weight: Parameter<Scalar>, _ bias: Parameter<Scalar>?, from input: Tensor<Scalar>,
    _ gradient: Tensor<Scalar>, _ pass: Pass<Scalar>, isLast: Bool
  ) throws {
    if let bias {
      Scalar.addRows(of: gradient, keep: pass.accumulatesGradients, to: bias.gradient)
      try pass.finish(bias)
    }
    let (outputs, inputs) = (weight.shape[0], weight.shape[1])
    let sink = pass.sink
    if isLast, !pass.accumulatesGradients, usesLoops(input.rows),
      let sink, let step = sink.weightStep(for: weight)
    {
      let scratch = outerScratch(input.rows, outputs, inputs)
      withUnsafePointer(to: step.kernel) {
        loops.table.pointee.outer_update(
          gradient.base, input.base, input.rows, outputs, inputs, $0, scratch)
      }
      sink.didUpdate(weight)
      return
    }
    // Rows whose exchange can start while the next are computed.
    let most = sink?.pieceElements.map { max($0 / inputs, 1) } ?? outputs
    for start in stride(from: 0, to: outputs, by: most) {
      let rows = start..<min(start + most, outputs)
      let part = rows.count == outputs ? gradient : columns(rows, of: gradient)
      setWeightGradient(
        of: input, part, keep: pass.accumulatesGradients,
        to: rows.count == outputs ? weight.gradient : weight.gradient.rows(rows))
      try sink?.isReady(weight, rows.lowerBound * inputs..<rows.upperBound * inputs)
    }
  }

  /// Some columns of a gradient of outputs, as a matrix of their own, which is what the products take.
  private mutating func columns(
    _ columns: Range<Int>, of gradient: Tensor<Scalar>
  ) -> Tensor<Scalar> {
    let part = self.columns.tensor([gradient.rows, columns.count])
    guard gradient.rows > 0 else { return part }
    for row in 0..<gradient.rows {
      (part.base + row * columns.count).update(
        from: gradient.base + row * gradient.shape[1] + columns.lowerBound, count: columns.count)
    }
    return part
  }

  private mutating func outerScratch(
    _ batch: Int, _ outputs: Int, _ inputs: Int
  ) -> UnsafeMutablePointer<Scalar> {
    scratch.tensor([batch * (outputs + LayerKernels.rounded(inputs))]).base
  }

  /// Whether our loops are faster than the library's, which rearranges the weights for more rows than
  /// such batches have.
  private func usesLoops(_ batch: Int) -> Bool {
    loops.level != .scalar && LayerKernels.batches.contains(batch)
  }
}
