internal import AllReduceNN

/// Who takes the gradient of a divided layer's input, and adds up the ranks' shares of it, instead of the
/// layer itself.
struct SharedInputGradient<Scalar: NetworkScalar> {
  /// Whether the gradient takes the input's place, so that the layer has to be done with it first.
  let replacesInput: Bool
  /// Called when the layers above have ended their pass back.
  let begin: () throws -> Void
  /// Where this rank's share goes.
  let memory: (Shape) throws -> Tensor<Scalar>
  /// Called when it is there.
  let isWritten: () throws -> Void
}
