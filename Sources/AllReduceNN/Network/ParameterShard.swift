/// The shard of a larger parameter that a process holds: a range of one of its dimensions.
package struct ParameterShard: Hashable, Sendable {
  /// The sizes of the parameter whose part this is.
  package let whole: Shape
  /// The dimension that is divided: 0 for rows, 1 for columns.
  package let dimension: Int
  /// The range that is held.
  package let range: Range<Int>

  /// Describes a part.
  ///
  /// - Precondition: The range is within the dimension.
  package init(of whole: Shape, dimension: Int, range: Range<Int>) {
    precondition(
      dimension >= 0 && dimension < whole.rank && range.lowerBound >= 0
        && range.upperBound <= whole[dimension],
      "\(range) of dimension \(dimension) is not within \(whole)")
    self.whole = whole
    self.dimension = dimension
    self.range = range
  }

  /// The sizes of the part.
  package var shape: Shape {
    var sizes = whole.sizes
    sizes[dimension] = range.count
    return Shape(sizes)
  }

  /// Calls `body` for every run of elements that are neighbours in the part and in the whole.
  ///
  /// - Parameter body: Gets the elements of the part, and where in the whole the first of them is.
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
