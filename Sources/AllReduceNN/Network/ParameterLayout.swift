/// Where a network's parameters are in its flat memory; values and gradients have the same layout.
///
/// Parameters are in the order in which a backward pass finishes them, last layer first, so that the finished gradients
/// form a growing prefix of the memory. Every parameter begins at a cache line. In front of the first there is room for
/// a few numbers that are sent with the gradients (counts, losses).
package struct ParameterLayout<Scalar: NetworkScalar> {
  /// The parameters in the order of the memory.
  package let parameters: [Parameter<Scalar>]
  /// The range of elements of each parameter, without the gaps between them.
  package let ranges: [Range<Int>]
  /// The number of elements in front of the first parameter.
  package let reserved: Int
  /// The number of all elements, including those in front and those in the gaps.
  package let count: Int

  /// Creates a layout of parameters.
  ///
  /// - Parameters:
  ///   - parameters: The parameters in the order of the forward pass.
  ///   - reserved: The number of elements wanted in front; rounded up to whole cache lines.
  package init(_ parameters: [Parameter<Scalar>], reserved: Int = 0) {
    let perLine = 64 / MemoryLayout<Scalar>.stride
    func rounded(_ count: Int) -> Int { (count + perLine - 1) / perLine * perLine }
    self.parameters = parameters.reversed()
    self.reserved = rounded(reserved)
    var ranges: [Range<Int>] = []
    var next = self.reserved
    for parameter in self.parameters {
      ranges.append(next..<next + parameter.shape.count)
      next += rounded(parameter.shape.count)
    }
    self.ranges = ranges
    count = next
  }

  /// Binds the parameters to memory: makes their values and gradients views of it.
  ///
  /// - Parameters:
  ///   - values: Memory of `count` elements for the values.
  ///   - gradients: Memory of `count` elements for the gradients.
  ///   - owner: An object that keeps both alive.
  package func bind(
    values: UnsafeMutableBufferPointer<Scalar>, gradients: UnsafeMutableBufferPointer<Scalar>,
    owner: AnyObject
  ) {
    precondition(
      values.count == count && gradients.count == count,
      "the parameters need \(count) elements, not \(values.count) and \(gradients.count)")
    for (parameter, range) in zip(parameters, ranges) {
      parameter.place = range.lowerBound
      parameter.values = Tensor(
        UnsafeMutableBufferPointer(rebasing: values[range]), shape: parameter.shape, owner: owner)
      parameter.gradient = Tensor(
        UnsafeMutableBufferPointer(rebasing: gradients[range]), shape: parameter.shape,
        owner: owner)
    }
  }
}
