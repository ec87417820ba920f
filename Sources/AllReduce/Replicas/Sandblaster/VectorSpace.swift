/// The operations that an optimizer needs on vectors, which it names by number; the ranks that hold the vectors do the
/// arithmetic.
package protocol VectorSpace: AnyObject {
  /// Sets all elements to 0.
  func clear(_ vector: Int) throws
  /// Computes target = source.
  func copy(_ source: Int, to target: Int) throws
  /// Computes target += factor * source.
  func add(_ source: Int, times factor: Double, to target: Int) throws
  /// Computes vector = factor * vector.
  func scale(_ vector: Int, by factor: Double) throws
  /// Computes target = target * source, element by element.
  func multiply(_ source: Int, into target: Int) throws
  /// Returns the dot product of two vectors.
  func dot(_ a: Int, _ b: Int) throws -> Double
}
