/// The targets of examples, in memory: a class, or numbers, for each example.
struct StoredTargets<Element: NetworkScalar>: Sendable {
  /// The class of each example; empty if targets are numbers.
  let labels: [Int32]
  /// The number of classes; 0 if targets are numbers.
  let classCount: Int
  /// The numbers of all targets, example by example; empty if targets are classes.
  let values: [Element]
  /// The shape of an example's target if targets are numbers; nil if they are classes.
  let valueShape: Shape?

  /// Writes the target of one example into a batch.
  ///
  /// - Parameters:
  ///   - row: The index of the example.
  ///   - place: The index of the example in the batch.
  ///   - labels: The classes of the batch, one per example; left unchanged if targets are numbers.
  ///   - values: The target numbers of the batch; their shape is `[batch size]` followed by ``valueShape``; nil if
  ///     targets are classes.
  func write<Scalar: NetworkScalar>(
    _ row: Int, to place: Int, labels: UnsafeMutableBufferPointer<Int32>, values: Tensor<Scalar>?
  ) {
    guard let width = valueShape?.count else {
      labels[place] = self.labels[row]
      return
    }
    guard let values, width > 0 else { return }
    self.values.withUnsafeBufferPointer { stored in
      guard let from = stored.baseAddress else { return }
      (values.base + place * width).update(converting: from + row * width, count: width)
    }
  }
}
