import CBLAS

/// A number type that the BLAS library computes with: `Float` or `Double`.
///
/// The requirements take pointers and check nothing; ``Matrix`` checks shapes and calls them.
package protocol BLASScalar: BinaryFloatingPoint, Sendable {
  /// Computes y = scale * op(A) * x + keep * y, where A is [rows, columns] and op(A) is A or its transpose.
  static func matrixVector(
    transposed: Bool, rows: Int32, columns: Int32, scale: Self, _ a: UnsafePointer<Self>,
    _ x: UnsafePointer<Self>, keep: Self, _ y: UnsafeMutablePointer<Self>)

  /// Computes C = A * B + keep * C, where, after any transposition, A is [rows, inner] and B is [inner, columns].
  static func matrixMatrix(
    transposeA: Bool, transposeB: Bool, rows: Int32, columns: Int32, inner: Int32,
    _ a: UnsafePointer<Self>, _ b: UnsafePointer<Self>, keep: Self,
    _ c: UnsafeMutablePointer<Self>)

  /// Returns the dot product of x and y.
  static func dotProduct(
    count: Int32, _ x: UnsafePointer<Self>, _ y: UnsafePointer<Self>
  ) -> Self
}

extension Double: BLASScalar {
  /// Computes y = scale * op(A) * x + keep * y, by `cblas_dgemv`.
  package static func matrixVector(
    transposed: Bool, rows: Int32, columns: Int32, scale: Double, _ a: UnsafePointer<Double>,
    _ x: UnsafePointer<Double>, keep: Double, _ y: UnsafeMutablePointer<Double>
  ) {
    BLAS.prepare()
    cblas_dgemv(
      CblasRowMajor, transposed ? CblasTrans : CblasNoTrans, rows, columns, scale, a,
      max(1, columns), x, 1, keep, y, 1)
  }

  /// Computes C = A * B + keep * C, by `cblas_dgemm`.
  package static func matrixMatrix(
    transposeA: Bool, transposeB: Bool, rows: Int32, columns: Int32, inner: Int32,
    _ a: UnsafePointer<Double>, _ b: UnsafePointer<Double>, keep: Double,
    _ c: UnsafeMutablePointer<Double>
  ) {
    BLAS.prepare()
    cblas_dgemm(
      CblasRowMajor, transposeA ? CblasTrans : CblasNoTrans,
      transposeB ? CblasTrans : CblasNoTrans, rows, columns, inner, 1, a,
      max(1, transposeA ? rows : inner), b, max(1, transposeB ? inner : columns), keep, c,
      max(1, columns))
  }

  /// Returns the dot product of x and y, by `cblas_ddot`.
  package static func dotProduct(
    count: Int32, _ x: UnsafePointer<Double>, _ y: UnsafePointer<Double>
  ) -> Double {
    BLAS.prepare()
    return cblas_ddot(count, x, 1, y, 1)
  }
}

extension Float: BLASScalar {
  /// Computes y = scale * op(A) * x + keep * y, by `cblas_sgemv`.
  package static func matrixVector(
    transposed: Bool, rows: Int32, columns: Int32, scale: Float, _ a: UnsafePointer<Float>,
    _ x: UnsafePointer<Float>, keep: Float, _ y: UnsafeMutablePointer<Float>
  ) {
    BLAS.prepare()
    cblas_sgemv(
      CblasRowMajor, transposed ? CblasTrans : CblasNoTrans, rows, columns, scale, a,
      max(1, columns), x, 1, keep, y, 1)
  }

  /// Computes C = A * B + keep * C, by `cblas_sgemm`.
  package static func matrixMatrix(
    transposeA: Bool, transposeB: Bool, rows: Int32, columns: Int32, inner: Int32,
    _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, keep: Float,
    _ c: UnsafeMutablePointer<Float>
  ) {
    BLAS.prepare()
    cblas_sgemm(
      CblasRowMajor, transposeA ? CblasTrans : CblasNoTrans,
      transposeB ? CblasTrans : CblasNoTrans, rows, columns, inner, 1, a,
      max(1, transposeA ? rows : inner), b, max(1, transposeB ? inner : columns), keep, c,
      max(1, columns))
  }

  /// Returns the dot product of x and y, by `cblas_sdot`.
  package static func dotProduct(
    count: Int32, _ x: UnsafePointer<Float>, _ y: UnsafePointer<Float>
  ) -> Float {
    BLAS.prepare()
    return cblas_sdot(count, x, 1, y, 1)
  }
}
