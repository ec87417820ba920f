/// Where a network's parameters lie in its flat memory: the one order of values and gradients.
///
/// In the order in which a backward pass finishes them, last layer first, so that what is ready forms a
/// growing front of the memory. Every parameter begins at a cache line. In front is room for a few
/// numbers that travel with the gradients (counts, losses).
package struct ParameterLayout<Scalar: NetworkScalar> {
  /// The parameters in the order of the memory.
  package let parameters: [Parameter<Scalar>]
  /// The elements of each, gaps left out.
  package let ranges: [Range<Int>]
  /// Elements in front of the first parameter.
  package let reserved: Int
  /// All elements, the reserved and the gaps included.
  package let count: Int

  /// Lays out parameters.
  ///
  /// - Parameters:
  ///   - parameters: In the order of the forward pass.
  ///   - reserved: Numbers wanted in front; rounded up to whole cache lines.
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

  /// Makes the parameters views of memory.
  ///
  /// - Parameters:
  ///   - values: `count` elements, for the values.
  ///   - gradients: Memory of the same size for the gradients.
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
