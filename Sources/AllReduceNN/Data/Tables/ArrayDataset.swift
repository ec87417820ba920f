/// A data set that hands out targets that are numbers, and inputs of 64 bits where a network computes with them.
package protocol ArrayedDataset: Dataset {
  /// The shape of an example's target where it is made of numbers; nil where it is a class.
  var valueShape: Shape? { get }

  /// Writes the inputs and targets of some examples.
  ///
  /// - Parameters:
  ///   - examples: Their numbers, in any order.
  ///   - inputs: `[examples.count]` and then ``Dataset/exampleShape``.
  ///   - labels: One each, the class; left alone where targets are numbers.
  ///   - values: `[examples.count]` and then ``valueShape``; nil where targets are classes.
  func fill<Scalar: NetworkScalar>(
    _ examples: [Int], inputs: Tensor<Scalar>, labels: UnsafeMutableBufferPointer<Int32>,
    values: Tensor<Scalar>?)
}

extension Dataset {
  /// The shape of an example's target where it is made of numbers; nil where it is a class.
  package var targetShape: Shape? { (self as? any ArrayedDataset)?.valueShape }

  /// How many outputs a network for these examples has: one a class, or one a number of a target.
  package var outputCount: Int { targetShape?.count ?? classCount }
}

/// Examples in memory, or some of them: numbers with a class or with numbers each.
package struct ArrayDataset<Element: NetworkScalar>: ArrayedDataset {
  /// Where they come from, for messages.
  package let name: String
  /// The shape of an example's input.
  package let exampleShape: Shape
  private let inputs: [Element]
  private let targets: StoredTargets<Element>
  /// The indices of these examples in memory.
  private let rows: [Int32]

  /// Takes some of the examples that arrays hold.
  ///
  /// - Parameters:
  ///   - name: Where they come from, for messages.
  ///   - shape: The shape of an input.
  ///   - inputs: Example by example.
  ///   - targets: The targets of all examples in the arrays.
  ///   - rows: The examples' places in the arrays.
  init(
    name: String, shape: Shape, inputs: [Element], _ targets: StoredTargets<Element>, rows: [Int32]
  ) {
    (self.name, exampleShape, self.inputs) = (name, shape, inputs)
    (self.targets, self.rows) = (targets, rows)
  }

  /// The number of classes; 0 where targets are numbers.
  package var classCount: Int { targets.classCount }
  /// The shape of a target of numbers.
  package var valueShape: Shape? { targets.valueShape }

  /// The number of examples.
  package var count: Int { rows.count }

  /// Copies inputs and classes.
  package func fill(
    _ examples: [Int], inputs: Tensor<Float>, labels: UnsafeMutableBufferPointer<Int32>
  ) {
    copy(examples, inputs, labels, nil)
  }

  /// Copies inputs and targets.
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
