/// Receives gradients from a network's layers and provides their weights: the only interface between the layers and the
/// code that exchanges gradients and weights with other ranks.
///
/// A ``Pass`` has a weak reference to the sink that was set last (``Pass/sink``). Layers call the sink during their
/// passes, on the thread of the pass. Element ranges are relative to a parameter's first element; ``Parameter/place``
/// is the index of that element in the network's flat memory.
///
/// The calls are frequent. A call with nothing to do should cost microseconds at most.
package protocol GradientSink<Scalar>: AnyObject {
  associatedtype Scalar: NetworkScalar

  /// Returns about how many elements of a parameter a layer computes, or waits for, at a time, if it can work in pieces;
  /// nil for all at once, which is faster: each piece reads the whole input.
  func pieceElements(of parameter: Parameter<Scalar>) -> Int?

  /// Called by a layer that is about to read these values in a forward pass; returns when the values have arrived.
  ///
  /// Layers call it from the last elements of the network's memory to the first, since the last elements arrive first.
  func willUse(_ parameter: Parameter<Scalar>, _ range: Range<Int>) throws

  /// Called by a layer when these elements of a gradient are complete. Only the sink reads or writes them until the
  /// next pass.
  ///
  /// Layers call it in the order of the network's memory, so the order is the same on all ranks.
  func isReady(_ parameter: Parameter<Scalar>, _ range: Range<Int>) throws

  /// Returns the optimizer's step for a weight if the layer may update the weight itself, instead of storing its
  /// gradient; nil if not.
  ///
  /// The layer takes the step when the weight is not read again in this pass, and then calls ``didUpdate(_:)`` instead
  /// of ``isReady(_:_:)``.
  func weightStep(for parameter: Parameter<Scalar>) -> WeightStep<Scalar>?

  /// Called by a layer that has taken the step that ``weightStep(for:)`` returned for this weight.
  func didUpdate(_ parameter: Parameter<Scalar>)

  /// Sums numbers in place over the ranks that compute different examples for a parameter, for statistics of the whole
  /// batch. All of these ranks must call it.
  ///
  /// - Returns: False, with the numbers unchanged, if this rank has the whole batch.
  func combine(
    _ numbers: UnsafeMutableBufferPointer<Scalar>, for parameter: Parameter<Scalar>
  ) throws -> Bool

  /// Makes progress on exchanges in flight. Long computations call it often, such as after each image of a convolution.
  func makeProgress() throws
}

extension GradientSink {
  /// Nil: gradients are computed all at once.
  package func pieceElements(of parameter: Parameter<Scalar>) -> Int? { nil }
  /// Returns at once: the weights are always present.
  package func willUse(_ parameter: Parameter<Scalar>, _ range: Range<Int>) {}
  /// Nil: weights are updated after the backward pass.
  package func weightStep(for parameter: Parameter<Scalar>) -> WeightStep<Scalar>? { nil }
  /// Does nothing: it is not called where ``weightStep(for:)`` returns nil.
  package func didUpdate(_ parameter: Parameter<Scalar>) {}
  /// Returns false: this rank has the whole batch.
  package func combine(
    _ numbers: UnsafeMutableBufferPointer<Scalar>, for parameter: Parameter<Scalar>
  ) -> Bool { false }
  /// Does nothing: no exchange is in flight.
  package func makeProgress() {}
}
