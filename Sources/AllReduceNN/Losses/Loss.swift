/// The expected outputs of a batch.
public enum Targets<Scalar: NetworkScalar> {
  /// The number of the right class, from 0, of every example.
  case classes([Int32])
  /// The right numbers, in the shape of the outputs.
  case values(Tensor<Scalar>)
}

/// The score of a batch's outputs against their targets: sums, so that batches and ranks can be added up.
public struct BatchScore: Equatable, Sendable {
  /// The number of examples.
  public var examples: Int
  /// The sum of the losses over the examples.
  public var loss: Double
  /// The number of examples that were classified correctly; 0 for losses that do not classify.
  public var correct: Int

  /// Creates a score; by default, one of no examples.
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

/// The function to minimise: how far outputs are from their targets, and the gradient of the outputs.
public protocol Loss<Scalar> {
  associatedtype Scalar: NetworkScalar

  /// Computes the losses of a batch and the gradient of their sum.
  ///
  /// - Parameters:
  ///   - output: The network's output, `[batch, ...]`.
  ///   - targets: The expected output.
  ///   - gradient: Receives the gradient of the sum of the losses, in the shape of the output; nil if only
  ///     the score is wanted. It may be the output's own memory if the network's backward pass does not
  ///     read that (`LayerHints.outputMayBeOverwritten`).
  /// - Returns: Sums over the batch.
  /// - Throws: ``DataError`` for targets that cannot be.
  func evaluate(
    _ output: Tensor<Scalar>, _ targets: Targets<Scalar>, gradient: Tensor<Scalar>?
  ) throws -> BatchScore
}

extension Loss {
  /// Where the gradient of the elements from `index` on goes; nil if it is not wanted.
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

  /// The targets' values.
  ///
  /// - Precondition: They are values, in the output's shape.
  func values(of targets: Targets<Scalar>, like output: Tensor<Scalar>) -> Tensor<Scalar> {
    guard case .values(let values) = targets else {
      preconditionFailure(
        "\(Self.self) compares outputs of \(output.shape) with values, not classes")
    }
    precondition(
      values.shape == output.shape,
      "outputs of \(output.shape) cannot be compared with targets of \(values.shape)")
    return values
  }
}
