/// Some examples, ready for a network: a rank's part of a global batch.
public struct Batch<Scalar: NetworkScalar> {
  /// `[examples.count]` and then an example's shape.
  public let inputs: Tensor<Scalar>
  /// The class of each example; zeros where targets are numbers.
  public let labels: [Int32]
  /// The numbers that each example has for a target; nil where targets are classes.
  let values: Tensor<Scalar>?
  /// The data set's numbers of the examples: for ``Pass/examples``.
  public let examples: [Int]
  /// The examples of the global batch, all ranks' parts together.
  public let globalCount: Int

  /// The expected outputs: classes, or numbers as `[examples.count, width]`.
  public var targets: Targets<Scalar> { values.map { .values($0) } ?? .classes(labels) }

  /// The examples of this part; 0 for an empty one.
  package var count: Int { examples.count }
}
