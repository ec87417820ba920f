/// The cross-entropy of independent yes-or-no answers, computed from logits.
///
/// Targets are values from 0 (no) to 1 (yes). An output x stands for the probability 1 / (1 + exp(-x)). The loss of x,
/// which is log(1 + exp(x)) - target * x, is computed without overflow for any x. An example's loss is the mean over
/// its elements; the losses of the examples are summed.
///
/// An example is correct if all its outputs are on the same side as their targets: above 0 where the target is above
/// 0.5, and not above 0 elsewhere.
public struct BinaryCrossEntropy<Scalar: NetworkScalar>: Loss {
  /// Creates the loss.
  public init() {}

  /// Computes the losses and the gradient of their sum: (sigmoid(output) - target) / the number of elements per
  /// example.
  ///
  /// - Throws: ``DataError`` for a target outside 0...1.
  public func evaluate(
    _ output: Tensor<Scalar>, _ targets: Targets<Scalar>, gradient: Tensor<Scalar>?
  ) throws -> BatchScore {
    let values = values(of: targets, like: output)
    var gradientRow = start(of: gradient, like: output)
    var score = BatchScore(examples: output.rows)
    guard output.count > 0 else { return score }
    if let place = values.values.firstIndex(where: { !($0 >= 0 && $0 <= 1) }) {
      throw DataError(
        file: "the targets", expected: "numbers from 0 to 1",
        found: "\(values[place]) at place \(place) of the batch",
        advice: "scale the targets, or use mean squared error")
    }
    let width = output.count / output.rows
    var row = UnsafePointer(output.base)
    var targetRow = UnsafePointer(values.base)
    for _ in 0..<output.rows {
      let (loss, right) = Scalar.vectorFunctions.binaryCrossEntropy(
        row, targetRow, gradientRow, count: width, scale: 1 / Scalar(width))
      score.loss += loss / Double(width)
      score.correct += right == width ? 1 : 0
      row += width
      targetRow += width
      gradientRow? += width
    }
    return score
  }
}
