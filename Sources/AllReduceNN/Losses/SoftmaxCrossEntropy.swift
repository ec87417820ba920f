#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The loss of a classifier: minus the logarithm of the softmax probability of the correct class.
///
/// Outputs are `[batch, ..., classes]`, any real numbers (logits). There is a target class for every row of the last
/// dimension, and each row counts as an example. The largest logit is subtracted first, so logits of any finite size
/// give finite losses.
///
/// With label smoothing e, the target of the correct class is 1 - e + e / classes, and the target of every other class
/// is e / classes: Szegedy et al., "Rethinking the Inception architecture", 2016.
///
/// An example is correct if the correct class has the largest logit; among classes with equal logits, the lowest index
/// wins.
public struct SoftmaxCrossEntropy<Scalar: NetworkScalar>: Loss {
  /// The fraction of the target that is spread evenly over all classes, from 0 to 1.
  package let labelSmoothing: Double

  /// Creates the loss.
  ///
  /// - Precondition: The smoothing is from 0 to 1.
  public init(labelSmoothing: Double = 0) {
    precondition(
      labelSmoothing >= 0 && labelSmoothing <= 1,
      "label smoothing must be 0 to 1, not \(labelSmoothing)")
    self.labelSmoothing = labelSmoothing
  }

  /// Computes the losses and the gradient of their sum: the probabilities minus the targets.
  ///
  /// - Throws: ``DataError`` for a class that has no output.
  public func evaluate(
    _ output: Tensor<Scalar>, _ targets: Targets<Scalar>, gradient: Tensor<Scalar>?
  ) throws -> BatchScore {
    guard case .classes(let classes) = targets else {
      preconditionFailure("softmax cross-entropy compares outputs of \(output.shape) with classes")
    }
    let width = output.shape[-1]
    precondition(
      classes.count * width == output.count && width > 0,
      "there must be one class for each row of the outputs, \(output.shape), not \(classes.count) classes"
    )
    try SoftmaxCrossEntropy.check(classes, below: width)
    var gradientRow = start(of: gradient, like: output)
    var score = BatchScore(examples: classes.count)
    guard var row = UnsafePointer(output.values.baseAddress) else { return score }
    for target in classes {
      score.loss += loss(row, Int(target), width, gradientRow, &score.correct)
      row += width
      gradientRow? += width
    }
    return score
  }

  private func loss(
    _ logits: UnsafePointer<Scalar>, _ target: Int, _ width: Int,
    _ gradient: UnsafeMutablePointer<Scalar>?, _ correct: inout Int
  ) -> Double {
    // The gradient may share the logits' memory, so read what is needed from the logits first.
    let right = logits[target]
    let functions = Scalar.vectorFunctions
    let largest = functions.largest(logits, count: width)
    let total = labelSmoothing > 0 ? functions.sum(logits, count: width) : 0
    if right == largest, !(0..<target).contains(where: { logits[$0] == right }) { correct += 1 }
    let sum = functions.exponentials(logits, minus: largest, gradient, count: width)
    if let gradient {
      let spread = Scalar(labelSmoothing / Double(width))
      functions.scale(gradient, count: width, by: 1 / sum, minus: spread)
      gradient[target] -= Scalar(1 - labelSmoothing)
    }
    var loss = log(Double(sum)) - (1 - labelSmoothing) * Double(right - largest)
    if labelSmoothing > 0 {
      loss -= labelSmoothing * (total / Double(width) - Double(largest))
    }
    return loss
  }

  /// Throws ``DataError`` unless every class is from 0 to `width` - 1.
  package static func check(_ classes: [Int32], below width: Int) throws {
    if let example = classes.firstIndex(where: { $0 < 0 || $0 >= width }) {
      throw DataError(
        file: "the targets",
        expected: "a class from 0 to \(width - 1), as the network has \(width) outputs",
        found: "class \(classes[example]) at place \(example) of the batch",
        advice: "correct the labels, or give the last layer more outputs")
    }
  }
}
