/// Loops of normalization over `[rows, width]`; c is the index of a column. They check nothing. The rules of
/// ``VectorFunctions`` apply.
package protocol NormalizationFunctions<Scalar>: Sendable {
  associatedtype Scalar

  /// Adds to sums[c] the sum over the rows of x - shift[c], and to squares[c] the sum of (x - shift[c])².
  func columnSums(
    _ x: UnsafePointer<Scalar>, rows: Int, width: Int, shift: UnsafePointer<Scalar>,
    sums: UnsafeMutablePointer<Double>, squares: UnsafeMutablePointer<Double>)
  /// Computes y = (x - mean[c]) * scale[c] + offset[c].
  func columns(
    _ x: UnsafePointer<Scalar>, _ y: UnsafeMutablePointer<Scalar>, rows: Int, width: Int,
    mean: UnsafePointer<Scalar>, scale: UnsafePointer<Scalar>, offset: UnsafePointer<Scalar>)
  /// Adds to sums[c] the sum over the rows of g, and to products[c] the sum of g * (x - mean[c]).
  func columnProducts(
    _ g: UnsafePointer<Scalar>, _ x: UnsafePointer<Scalar>, rows: Int, width: Int,
    mean: UnsafePointer<Scalar>, sums: UnsafeMutablePointer<Double>,
    products: UnsafeMutablePointer<Double>)
  /// Computes g = g * scale[c] - offset[c] - (x - mean[c]) * slope[c], in place.
  func columnsGradient(
    _ g: UnsafeMutablePointer<Scalar>, _ x: UnsafePointer<Scalar>, rows: Int, width: Int,
    mean: UnsafePointer<Scalar>, scale: UnsafePointer<Scalar>, offset: UnsafePointer<Scalar>,
    slope: UnsafePointer<Scalar>)

  /// Computes, for each row, y = (x - mean) * inverse * weight[c] + bias[c], where inverse = 1 / √(variance + epsilon);
  /// stores each row's mean and inverse.
  func rows(
    _ x: UnsafePointer<Scalar>, _ y: UnsafeMutablePointer<Scalar>, rows: Int, width: Int,
    weight: UnsafePointer<Scalar>, bias: UnsafePointer<Scalar>, epsilon: Scalar,
    mean: UnsafeMutablePointer<Scalar>, inverse: UnsafeMutablePointer<Scalar>)
  /// Adds the gradients of weight and bias to `weightGradient` and `biasGradient`, from the gradient g of the output.
  func rowsParameters(
    _ g: UnsafePointer<Scalar>, _ x: UnsafePointer<Scalar>, rows: Int, width: Int,
    mean: UnsafePointer<Scalar>, inverse: UnsafePointer<Scalar>,
    weightGradient: UnsafeMutablePointer<Scalar>, biasGradient: UnsafeMutablePointer<Scalar>)
  /// Replaces the gradient g of the output with the gradient of x.
  func rowsGradient(
    _ g: UnsafeMutablePointer<Scalar>, _ x: UnsafePointer<Scalar>, rows: Int, width: Int,
    weight: UnsafePointer<Scalar>, mean: UnsafePointer<Scalar>, inverse: UnsafePointer<Scalar>)
}
