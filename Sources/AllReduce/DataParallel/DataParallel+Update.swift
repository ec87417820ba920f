public import AllReduceNN

extension DataParallel {
  /// Takes the optimizer's step with the gradient of the latest ``step(microBatches:_:)``.
  ///
  /// Collective. One pass over the gradients, or two where the step needs a figure of all of them: with
  /// clipping, or an optimizer that ``UpdateRule/usesNorms``.
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
    let step = OptimizerStep(
      number: updateCount + 1, learningRate: learningRate, gradientScale: totals.gradientScale)
    guard try exchange.update(step, clipping: clipping) else { return false }
    if finishing { try exchange.finish() }
    updateCount += 1
    return true
  }

  /// Waits for weights that an update left on their way: needed before anything but the network's forward
  /// pass reads them.
  ///
  /// - Throws: ``MPIError``.
  public func finishUpdate() throws { try exchange.finish() }
}
