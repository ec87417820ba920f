public import AllReduceNN

extension DataParallel {
  /// Takes the optimizer's step with the gradient of the latest ``step(microBatches:_:)``.
  ///
  /// Collective. One pass over the gradients, or two where the step needs a figure of all of them: with
  /// clipping, or an optimizer that ``Optimizer/usesNorms``.
  ///
  /// - Parameters:
  ///   - learningRate: How far to go.
  ///   - clipping: Shortens gradients whose norm is larger; and skips steps whose gradient has elements
  ///     that are not finite. The step's gradient is used up by one update.
  ///   - finishing: Whether all new weights are here on return. If not, those that other ranks updated may
  ///     still be on their way; the network's forward pass waits for each layer's when it gets there, and
  ///     ``finishUpdate()`` for all.
  /// - Returns: Whether the step was taken rather than skipped.
  /// - Throws: ``MPIError``.
  /// - Precondition: There is an optimizer.
  @discardableResult
  public func update(
    learningRate: Double, clipping: GradientClipping? = nil, finishing: Bool = true
  ) throws -> Bool {
    requireNetwork()
    guard let scheme else { preconditionFailure("there is no optimizer to update weights with") }
    var step = OptimizerStep(
      number: updateCount + 1, learningRate: learningRate, gradientScale: totals.gradientScale)
    let usesNorms = squares.values.count > 1
    let isMeasured = usesNorms || clipping != nil
    if isMeasured {
      squares.values.update(repeating: 0)
      try tally.counting { try scheme.measure(squares.values) }
      if let clipping {
        guard
          let scale = clipping.scale(
            sumOfSquares: gradientSquares, gradientScale: step.gradientScale)
        else { return false }
        step.gradientScale = scale
      }
      if usesNorms {
        for update in scheme.updates {
          update.useNorms(
            UnsafeBufferPointer(squares.values), gradientScale: step.gradientScale)
        }
      }
    }
    try tally.counting { try scheme.update(step, isMeasured: isMeasured) }
    if finishing { try scheme.finish() }
    updateCount += 1
    return true
  }

  /// Waits for weights that an update left on their way: needed before anything but the network's forward
  /// pass reads them.
  ///
  /// - Throws: ``MPIError``.
  public func finishUpdate() throws { try scheme?.finish() }

  /// Of all gradients: of the parameters' pairs of sums the second ones.
  private var gradientSquares: Double {
    squares.values.count == 1
      ? squares.values[0]
      : stride(from: 1, to: squares.values.count, by: 2).reduce(0) { $0 + squares.values[$1] }
  }
}
