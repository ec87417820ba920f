/// Numbered examples, each with a class or with numbers: what a network learns from or is tested on.
///
/// A data set hands out what a batch asks for and makes it ready then: what is kept may be smaller
/// (bytes), or nothing at all. It may be read by several threads at once.
public protocol Dataset: Sendable {
  /// A name for messages.
  var name: String { get }

  /// The number of examples; they are numbered from 0.
  var count: Int { get }

  /// The shape of an example's input, such as `[28, 28, 1]`.
  var exampleShape: Shape { get }

  /// The number of classes; labels are from 0 up to it. 0 where targets are numbers.
  var classCount: Int { get }

  /// Writes the inputs and labels of some examples.
  ///
  /// - Parameters:
  ///   - examples: Their numbers, in any order.
  ///   - inputs: `[examples.count]` and then ``exampleShape``.
  ///   - labels: One each.
  /// - Precondition: Every number is within 0..<``count``.
  func fill(
    _ examples: [Int], inputs: Tensor<Float>, labels: UnsafeMutableBufferPointer<Int32>)
}

extension Dataset {
  /// Checks what ``fill(_:inputs:labels:)`` was given.
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
