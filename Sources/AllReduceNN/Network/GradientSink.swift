/// Receives the gradients of a network's passes and provides their weights: the one way from a layer to what
/// exchanges both with other ranks.
///
/// A ``Pass`` holds one weakly (``Pass/sink``): the latest that was set. Layers call it during their passes, on
/// the thread of the pass. A range is of a parameter's own elements; ``Parameter/place`` says where these begin
/// in the network's flat memory.
///
/// Calls come often and should cost microseconds when there is nothing to do.
package protocol GradientSink<Scalar>: AnyObject {
  associatedtype Scalar: NetworkScalar

  /// About how many elements of a large parameter a layer computes, or waits for, at once, where it can do so
  /// in pieces; nil for all at once, which is a little faster.
  var pieceElements: Int? { get }

  /// A layer is about to read these values in a forward pass: returns when they are there.
  ///
  /// Said from the last elements of a network's memory to the first, since those arrive first.
  func willUse(_ parameter: Parameter<Scalar>, _ range: Range<Int>) throws

  /// These elements of a gradient are complete; only the sink touches them until the next pass.
  ///
  /// Said in the order of the network's memory, in the same order on all ranks.
  func isReady(_ parameter: Parameter<Scalar>, _ range: Range<Int>) throws

  /// The optimizer's step for a weight, if the layer may take it in place of computing the gradient, as soon as
  /// the weight is not read again in this pass. A layer that takes it says ``didUpdate(_:)``, not
  /// ``isReady(_:_:)``. Nil: it may not.
  func weightStep(for parameter: Parameter<Scalar>) -> WeightStep<Scalar>?

  /// A layer has taken the step that ``weightStep(for:)`` gave for this weight.
  func didUpdate(_ parameter: Parameter<Scalar>)

  /// Adds up numbers, in place, over the ranks that have different examples for a parameter: statistics of the whole
  /// batch. All of these ranks must call it.
  ///
  /// - Returns: False where this rank has the whole batch; the numbers are then as they were.
  func combine(
    _ numbers: UnsafeMutableBufferPointer<Scalar>, for parameter: Parameter<Scalar>
  ) throws -> Bool

  /// Moves what is under way; called many times during long computations, as after each image of a convolution.
  func makeProgress() throws
}

extension GradientSink {
  /// Nil: gradients are computed all at once.
  package var pieceElements: Int? { nil }
  /// Returns: weights are always there.
  package func willUse(_ parameter: Parameter<Scalar>, _ range: Range<Int>) {}
  /// Nil: weights change after the backward pass.
  package func weightStep(for parameter: Parameter<Scalar>) -> WeightStep<Scalar>? { nil }
  /// Not called where ``weightStep(for:)`` gives none.
  package func didUpdate(_ parameter: Parameter<Scalar>) {}
  /// False: this rank has the whole batch.
  package func combine(
    _ numbers: UnsafeMutableBufferPointer<Scalar>, for parameter: Parameter<Scalar>
  ) -> Bool { false }
  /// Nothing is under way.
  package func makeProgress() {}
}
