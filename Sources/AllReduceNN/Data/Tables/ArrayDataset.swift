/// A data set whose targets may be numbers, and which provides 64-bit inputs to a network that computes in 64 bits.
package protocol ArrayedDataset: Dataset {
  /// The shape of an example's target if targets are numbers; nil if they are classes.
  var valueShape: Shape? { get }

  /// Writes the inputs and targets of some examples.
  ///
  /// - Parameters:
  ///   - examples: The numbers of the examples, in any order.
  ///   - inputs: The tensor to write the inputs to, of shape `[examples.count]` followed by
  ///     ``Dataset/exampleShape``.
  ///   - labels: The memory to write the classes to, one per example; left unchanged if targets are numbers.
  ///   - values: The tensor to write target numbers to, of shape `[examples.count]` followed by ``valueShape``;
  ///     nil if targets are classes.
  func fill<Scalar: NetworkScalar>(
    _ examples: [Int], inputs: Tensor<Scalar>, labels: UnsafeMutableBufferPointer<Int32>,
    values: Tensor<Scalar>?)
}

extension Dataset {
  /// The shape of an example's target if targets are numbers; nil if they are classes.
  package var targetShape: Shape? { (self as? any ArrayedDataset)?.valueShape }

  /// The number of outputs of a network for these examples: one per class, or one per number of a target.
  package var outputCount: Int { targetShape?.count ?? classCount }
}

/// A data set of examples in memory, or of a subset of them. Each example has numbers as its input, and a class or
/// numbers as its target.
package struct ArrayDataset<Element: NetworkScalar>: ArrayedDataset {
  /// The origin of the examples, for messages.
  package let name: String
  /// The shape of an example's input.
  package let exampleShape: Shape
  private let inputs: [Element]
  private let targets: StoredTargets<Element>
  /// The index of each example in `inputs` and `targets`.
  private let rows: [Int32]

  /// Creates a data set of some of the examples in arrays.
  ///
  /// - Parameters:
  ///   - name: The origin of the examples, for messages.
  ///   - shape: The shape of an example's input.
  ///   - inputs: The inputs of all examples in the arrays, example by example.
  ///   - targets: The targets of all examples in the arrays.
  ///   - rows: The indices, in the arrays, of the examples in this data set.
  init(
    name: String, shape: Shape, inputs: [Element], _ targets: StoredTargets<Element>, rows: [Int32]
  ) {
    (self.name, exampleShape, self.inputs) = (name, shape, inputs)
    (self.targets, self.rows) = (targets, rows)
  }

  /// The number of classes; 0 where targets are numbers.
  package var classCount: Int { targets.classCount }
  /// The shape of an example's target if targets are numbers; nil if they are classes.
  package var valueShape: Shape? { targets.valueShape }

  /// The number of examples.
  package var count: Int { rows.count }

  /// Copies the inputs and classes of some examples.
  package func fill(
    _ examples: [Int], inputs: Tensor<Float>, labels: UnsafeMutableBufferPointer<Int32>
  ) {
    copy(examples, inputs, labels, nil)
  }

  /// Copies the inputs and targets of some examples.
  package func fill<Scalar: NetworkScalar>(
    _ examples: [Int], inputs: Tensor<Scalar>, labels: UnsafeMutableBufferPointer<Int32>,
    values: Tensor<Scalar>?
  ) {
    copy(examples, inputs, labels, values)
  }

  private func copy<Scalar: NetworkScalar>(
    _ examples: [Int], _ inputs: Tensor<Scalar>, _ labels: UnsafeMutableBufferPointer<Int32>,
    _ values: Tensor<Scalar>?
  ) {
    checkFill(examples, inputs, labels)
    let width = exampleShape.count
    self.inputs.withUnsafeBufferPointer { stored in
      for (place, example) in examples.enumerated() {
        let row = Int(rows[example])
        if let from = stored.baseAddress, width > 0 {
          (inputs.base + place * width).update(converting: from + row * width, count: width)
        }
        targets.write(row, to: place, labels: labels, values: values)
      }
    }
  }
}
