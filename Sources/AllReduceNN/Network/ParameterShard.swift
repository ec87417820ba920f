/// The shard of a larger parameter that a process holds: a range of one of the parameter's dimensions.
package struct ParameterShard: Hashable, Sendable {
  /// The shape of the whole parameter.
  package let whole: Shape
  /// The dimension that is sharded: 0 for rows, 1 for columns.
  package let dimension: Int
  /// The range of ``dimension`` that this shard holds.
  package let range: Range<Int>

  /// Creates the description of a shard: a range of one dimension of a parameter of shape `whole`.
  ///
  /// - Precondition: The range is within the dimension.
  package init(of whole: Shape, dimension: Int, range: Range<Int>) {
    precondition(
      dimension >= 0 && dimension < whole.rank && range.lowerBound >= 0
        && range.upperBound <= whole[dimension],
      "the range \(range) of dimension \(dimension) must be within the shape \(whole)")
    self.whole = whole
    self.dimension = dimension
    self.range = range
  }

  /// The shape of the shard.
  package var shape: Shape {
    var sizes = whole.sizes
    sizes[dimension] = range.count
    return Shape(sizes)
  }

  /// Calls `body` for every run of elements that are contiguous both in the shard and in the whole parameter.
  ///
  /// - Parameter body: Receives the run's range of elements in the shard, and the index of its first element in the
  ///   whole parameter.
  package func forEachRun(_ body: (_ part: Range<Int>, _ start: Int) throws -> Void) rethrows {
    let inner = whole.sizes[(dimension + 1)...].reduce(1, *)
    let outer = whole.sizes[..<dimension].reduce(1, *)
    let length = range.count * inner
    guard length > 0 else { return }
    for index in 0..<outer {
      try body(
        index * length..<(index + 1) * length,
        (index * whole[dimension] + range.lowerBound) * inner)
    }
  }
}
