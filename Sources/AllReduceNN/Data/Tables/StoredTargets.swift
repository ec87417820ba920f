/// The targets of examples, in memory: a class each, or numbers.
struct StoredTargets<Element: NetworkScalar>: Sendable {
  /// A class each; empty where targets are numbers.
  let labels: [Int32]
  /// The number of classes; 0 where targets are numbers.
  let classCount: Int
  /// Numbers, example by example; empty where targets are classes.
  let values: [Element]
  /// The shape of a target of numbers; nil where targets are classes.
  let valueShape: Shape?

  /// Writes the target of an example.
  ///
  /// - Parameters:
  ///   - row: The example.
  ///   - place: Its index in the batch.
  ///   - labels: One each of the batch; left alone where targets are numbers.
  ///   - values: `[batch]` and then ``valueShape``; nil where targets are classes.
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
