/// Numbered examples that a network is trained or tested on. Each example has a class, or numbers, as its target.
///
/// A data set makes the inputs of a batch when the batch is requested. What it stores may be smaller than the inputs
/// (such as bytes), or nothing at all. Several threads may read a data set at the same time.
public protocol Dataset: Sendable {
  /// A name for messages.
  var name: String { get }

  /// The number of examples; they are numbered from 0.
  var count: Int { get }

  /// The shape of an example's input, such as `[28, 28, 1]`.
  var exampleShape: Shape { get }

  /// The number of classes: labels are in `0..<classCount`. 0 if the targets are numbers.
  var classCount: Int { get }

  /// Writes the inputs and labels of some examples.
  ///
  /// - Parameters:
  ///   - examples: The numbers of the examples, in any order.
  ///   - inputs: The tensor to write the inputs to, of shape `[examples.count]` followed by ``exampleShape``.
  ///   - labels: The memory to write the labels to, one per example.
  /// - Precondition: The number of each example is within 0..<``count``.
  func fill(
    _ examples: [Int], inputs: Tensor<Float>, labels: UnsafeMutableBufferPointer<Int32>)
}

extension Dataset {
  /// Checks the arguments of ``fill(_:inputs:labels:)``: the shape of the inputs, the number of labels, and the
  /// examples' numbers.
  func checkFill<Scalar: NetworkScalar>(
    _ examples: [Int], _ inputs: Tensor<Scalar>, _ labels: UnsafeMutableBufferPointer<Int32>
  ) {
    precondition(
      inputs.shape == exampleShape.batch(of: examples.count) && labels.count == examples.count,
      """
      \(examples.count) examples need inputs of \(exampleShape.batch(of: examples.count)) and as \
      many labels, not \(inputs.shape) and \(labels.count)
      """)
    for example in examples {
      precondition(example >= 0 && example < count, "example \(example) is outside 0..<\(count)")
    }
  }
}
