import CKernels

/// The three matrix products of a dense layer, or of a shard of one, with the memory that they need.
///
/// Batches of 8 to 256 examples are multiplied by the library's own loops, which read large weights once. Other
/// batches, and all batches on processors without wide vectors, are multiplied by `cblas_sgemm` and `cblas_dgemm`. A
/// weight is `[outputs, inputs]`.
package struct DenseProducts<Scalar: NetworkScalar> {
  /// The C loops that the products run; tests replace them.
  package var loops = Scalar.layerLoops
  /// The number of weight rows that the loops process together. A piece whose number of rows is a multiple of this
  /// loses no speed.
  private let panelRows = 64
  private var scratch = Scratch<Scalar>()
  private var columns = Scratch<Scalar>()

  /// Creates the products; memory is allocated at first use.
  package init() {}

  /// Computes output = start + input * weightᵀ: `[batch, outputs]`, from `[batch, inputs]`. Without `start`, output =
  /// input * weightᵀ.
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

  /// Computes the same as ``multiply(_:_:from:to:)``, with a weight and a bias that may still be arriving from other
  /// ranks. A large weight is used in pieces, each as soon as it has arrived.
  ///
  /// - Throws: The errors of ``GradientSink/willUse(_:_:)``.
  package mutating func multiply(
    _ input: Tensor<Scalar>, _ weight: Parameter<Scalar>, from start: Parameter<Scalar>?,
    to output: Tensor<Scalar>, _ pass: Pass<Scalar>
  ) throws {
    let (outputs, inputs) = (weight.shape[0], weight.shape[1])
    let sink = pass.sink
    let most =
      sink?.pieceElements(of: weight).map { max($0 / inputs / panelRows, 1) * panelRows } ?? outputs
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
    // The bias comes last: it lies in front of the weight in memory, so it arrives last.
    guard let start else { return }
    try sink.willUse(start, 0..<start.shape.count)
    Scalar.add(start.values, toRowsOf: output)
  }

  /// Computes the gradient of the weight: result = gradientᵀ * input, plus the old result if `keep` is true.
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

  /// Computes the gradient of the input, `[batch, inputs]`: result = gradient * weight.
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

  /// Computes the gradients of a layer's parameters and reports each when it is complete; that of a large weight in
  /// pieces.
  ///
  /// - Parameters:
  ///   - weight: The weight, `[outputs, inputs]`.
  ///   - bias: The bias, `[outputs]`; nil for none.
  ///   - input: The input of the batch.
  ///   - gradient: The gradient of the outputs.
  ///   - pass: The pass, whose sink may provide the optimizer's step for the weight
  ///     (``GradientSink/weightStep(for:)``); then the weight is updated, and its gradient is not stored.
  ///   - isLast: Whether the weight is not read again in this pass, so that it may be updated.
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
    // Compute some rows at a time, so that their exchange can start while the next rows are computed.
    let most = sink?.pieceElements(of: weight).map { max($0 / inputs, 1) } ?? outputs
    for start in stride(from: 0, to: outputs, by: most) {
      let rows = start..<min(start + most, outputs)
      let part = rows.count == outputs ? gradient : columns(rows, of: gradient)
      setWeightGradient(
        of: input, part, keep: pass.accumulatesGradients,
        to: rows.count == outputs ? weight.gradient : weight.gradient.rows(rows))
      try sink?.isReady(weight, rows.lowerBound * inputs..<rows.upperBound * inputs)
    }
  }

  /// Copies some columns of the outputs' gradient to a contiguous matrix, as the products require.
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

  /// Whether the library's own loops are faster than BLAS: with wide vectors, for batches of 8 to 256 examples, because
  /// BLAS rearranges the weights, which pays only for more rows.
  private func usesLoops(_ batch: Int) -> Bool {
    loops.level != .scalar && LayerKernels.batches.contains(batch)
  }
}
