/// The mean of the squared differences between an example's outputs and its targets.
///
/// Targets are values. An example's loss is the mean over its elements; the losses of the examples are summed, as in
/// all losses. The score counts no example as correct.
public struct MeanSquaredError<Scalar: NetworkScalar>: Loss {
  /// Creates the loss.
  public init() {}

  /// Computes the losses and the gradient of their sum: 2 * (output - target) / the number of elements per example.
  public func evaluate(
    _ output: Tensor<Scalar>, _ targets: Targets<Scalar>, gradient: Tensor<Scalar>?
  ) throws -> BatchScore {
    let values = values(of: targets, like: output)
    let gradient = start(of: gradient, like: output)
    guard output.count > 0 else { return BatchScore(examples: output.rows) }
    let elements = Double(output.count / output.rows)
    let sum = Scalar.vectorFunctions.squaredDifferences(
      output.base, values.base, gradient, count: output.count, scale: Scalar(2 / elements))
    return BatchScore(examples: output.rows, loss: sum / elements)
  }
}
