/// The expected outputs of a batch.
public enum Targets<Scalar: NetworkScalar> {
  /// The index of the correct class, from 0, of each example.
  case classes([Int32])
  /// The expected values, in the shape of the outputs.
  case values(Tensor<Scalar>)
}

/// The score of a batch's outputs against their targets: sums over examples, so that the scores of batches and ranks
/// can be added.
public struct BatchScore: Equatable, Sendable {
  /// The number of examples.
  public var examples: Int
  /// The sum of the losses over the examples.
  public var loss: Double
  /// The number of examples that were classified correctly; 0 for losses that do not classify.
  public var correct: Int

  /// Creates a score; by default that of no examples.
  public init(examples: Int = 0, loss: Double = 0, correct: Int = 0) {
    self.examples = examples
    self.loss = loss
    self.correct = correct
  }

  /// Adds the score of further examples.
  public static func += (score: inout BatchScore, other: BatchScore) {
    score.examples += other.examples
    score.loss += other.loss
    score.correct += other.correct
  }
}

/// The function that training minimises: measures how far outputs are from their targets, and computes the outputs'
/// gradient.
public protocol Loss<Scalar> {
  associatedtype Scalar: NetworkScalar

  /// Computes the losses of a batch and the gradient of their sum.
  ///
  /// - Parameters:
  ///   - output: The network's output, `[batch, ...]`.
  ///   - targets: The expected outputs.
  ///   - gradient: Receives the gradient of the sum of the losses, in the shape of the output; nil if only the score is
  ///     wanted. It may share the output's memory if the network's backward pass does not read the output
  ///     (`LayerHints.outputMayBeOverwritten`).
  /// - Returns: The sums over the batch.
  /// - Throws: ``DataError`` for impossible targets, such as a class that does not exist.
  func evaluate(
    _ output: Tensor<Scalar>, _ targets: Targets<Scalar>, gradient: Tensor<Scalar>?
  ) throws -> BatchScore
}

extension Loss {
  /// Returns the address of the gradient's first element; nil if no gradient is wanted.
  ///
  /// - Precondition: The gradient has the output's shape.
  func start(
    of gradient: Tensor<Scalar>?, like output: Tensor<Scalar>
  ) -> UnsafeMutablePointer<Scalar>? {
    guard let gradient else { return nil }
    precondition(
      gradient.shape == output.shape,
      "outputs of \(output.shape) have no gradient of \(gradient.shape)")
    return gradient.values.baseAddress
  }

  /// Returns the tensor of target values.
  ///
  /// - Precondition: The targets are values, in the output's shape.
  func values(of targets: Targets<Scalar>, like output: Tensor<Scalar>) -> Tensor<Scalar> {
    guard case .values(let values) = targets else {
      preconditionFailure(
        "\(Self.self) compares outputs of \(output.shape) with values, not classes")
    }
    precondition(
      values.shape == output.shape,
      "the targets must have the shape of the outputs, \(output.shape), not \(values.shape)")
    return values
  }
}
