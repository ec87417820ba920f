/// Loops of normalization over `[rows, width]`; they check nothing. As ``VectorFunctions`` in all else.
package protocol NormalizationFunctions<Scalar>: Sendable {
  associatedtype Scalar

  /// sums[c] += the sum of x - shift[c] over the rows, squares[c] += that of their squares.
  func columnSums(
    _ x: UnsafePointer<Scalar>, rows: Int, width: Int, shift: UnsafePointer<Scalar>,
    sums: UnsafeMutablePointer<Double>, squares: UnsafeMutablePointer<Double>)
  /// y = (x - mean[c]) scale[c] + offset[c].
  func columns(
    _ x: UnsafePointer<Scalar>, _ y: UnsafeMutablePointer<Scalar>, rows: Int, width: Int,
    mean: UnsafePointer<Scalar>, scale: UnsafePointer<Scalar>, offset: UnsafePointer<Scalar>)
  /// sums[c] += the sum of g over the rows, products[c] += that of g (x - mean[c]).
  func columnProducts(
    _ g: UnsafePointer<Scalar>, _ x: UnsafePointer<Scalar>, rows: Int, width: Int,
    mean: UnsafePointer<Scalar>, sums: UnsafeMutablePointer<Double>,
    products: UnsafeMutablePointer<Double>)
  /// g = g scale[c] - offset[c] - (x - mean[c]) slope[c].
  func columnsGradient(
    _ g: UnsafeMutablePointer<Scalar>, _ x: UnsafePointer<Scalar>, rows: Int, width: Int,
    mean: UnsafePointer<Scalar>, scale: UnsafePointer<Scalar>, offset: UnsafePointer<Scalar>,
    slope: UnsafePointer<Scalar>)

  /// y = (x - mean) inverse weight[c] + bias[c], with each row's mean and 1 / √(variance + epsilon), which
  /// are stored.
  func rows(
    _ x: UnsafePointer<Scalar>, _ y: UnsafeMutablePointer<Scalar>, rows: Int, width: Int,
    weight: UnsafePointer<Scalar>, bias: UnsafePointer<Scalar>, epsilon: Scalar,
    mean: UnsafeMutablePointer<Scalar>, inverse: UnsafeMutablePointer<Scalar>)
  /// Adds to the gradients of weight and bias.
  func rowsParameters(
    _ g: UnsafePointer<Scalar>, _ x: UnsafePointer<Scalar>, rows: Int, width: Int,
    mean: UnsafePointer<Scalar>, inverse: UnsafePointer<Scalar>,
    weightGradient: UnsafeMutablePointer<Scalar>, biasGradient: UnsafeMutablePointer<Scalar>)
  /// g = the gradient of x.
  func rowsGradient(
    _ g: UnsafeMutablePointer<Scalar>, _ x: UnsafePointer<Scalar>, rows: Int, width: Int,
    weight: UnsafePointer<Scalar>, mean: UnsafePointer<Scalar>, inverse: UnsafePointer<Scalar>)
}
