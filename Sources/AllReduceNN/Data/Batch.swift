/// The examples of one training or test step that one rank processes: its part of a global batch.
public struct Batch<Scalar: NetworkScalar> {
  /// The inputs of the examples; their shape is `[examples.count]` followed by the dimensions of one example.
  public let inputs: Tensor<Scalar>
  /// The class of each example; zeros if the targets are numbers.
  public let labels: [Int32]
  /// The target numbers of the examples; their shape is `[examples.count]` followed by the dimensions of one target;
  /// nil if the targets are classes.
  let values: Tensor<Scalar>?
  /// The number of each example in the data set, for ``Pass/examples``.
  public let examples: [Int]
  /// The number of examples in the global batch, over all ranks.
  public let globalCount: Int

  /// The expected outputs: classes, or numbers as `[examples.count, width]`.
  public var targets: Targets<Scalar> { values.map { .values($0) } ?? .classes(labels) }

  /// The number of examples in this rank's part, which may be 0.
  package var count: Int { examples.count }
}
