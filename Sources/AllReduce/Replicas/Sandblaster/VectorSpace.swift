/// Vectors by number, and what an optimizer does with them: the ranks that hold them do the arithmetic.
package protocol VectorSpace: AnyObject {
  /// All elements become 0.
  func clear(_ vector: Int) throws
  /// target = source.
  func copy(_ source: Int, to target: Int) throws
  /// target += factor source.
  func add(_ source: Int, times factor: Double, to target: Int) throws
  /// vector = factor vector.
  func scale(_ vector: Int, by factor: Double) throws
  /// target = target source, element by element.
  func multiply(_ source: Int, into target: Int) throws
  /// The sum of products.
  func dot(_ a: Int, _ b: Int) throws -> Double
}
