package import CKernels

/// Normalization of `Float` numbers by the C kernels of one processor level: see `activations.h`.
package struct FloatNormalization: NormalizationFunctions, @unchecked Sendable {
  /// The table of C functions, in constant memory.
  private let table: UnsafePointer<ck_normalization>

  /// Creates the functions for a processor level, which this processor must have.
  package init(_ level: ProcessorLevel = .current) { table = ck_normalization_at(level)! }

  package func columnSums(
    _ x: UnsafePointer<Float>, rows: Int, width: Int, shift: UnsafePointer<Float>,
    sums: UnsafeMutablePointer<Double>, squares: UnsafeMutablePointer<Double>
  ) { table.pointee.column_sums(x, rows, width, shift, sums, squares) }

  package func columns(
    _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, rows: Int, width: Int,
    mean: UnsafePointer<Float>, scale: UnsafePointer<Float>, offset: UnsafePointer<Float>
  ) { table.pointee.columns(x, y, rows, width, mean, scale, offset) }

  package func columnProducts(
    _ g: UnsafePointer<Float>, _ x: UnsafePointer<Float>, rows: Int, width: Int,
    mean: UnsafePointer<Float>, sums: UnsafeMutablePointer<Double>,
    products: UnsafeMutablePointer<Double>
  ) { table.pointee.column_products(g, x, rows, width, mean, sums, products) }

  package func columnsGradient(
    _ g: UnsafeMutablePointer<Float>, _ x: UnsafePointer<Float>, rows: Int, width: Int,
    mean: UnsafePointer<Float>, scale: UnsafePointer<Float>, offset: UnsafePointer<Float>,
    slope: UnsafePointer<Float>
  ) { table.pointee.columns_gradient(g, x, rows, width, mean, scale, offset, slope) }

  package func rows(
    _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, rows: Int, width: Int,
    weight: UnsafePointer<Float>, bias: UnsafePointer<Float>, epsilon: Float,
    mean: UnsafeMutablePointer<Float>, inverse: UnsafeMutablePointer<Float>
  ) { table.pointee.rows(x, y, rows, width, weight, bias, epsilon, mean, inverse) }

  package func rowsParameters(
    _ g: UnsafePointer<Float>, _ x: UnsafePointer<Float>, rows: Int, width: Int,
    mean: UnsafePointer<Float>, inverse: UnsafePointer<Float>,
    weightGradient: UnsafeMutablePointer<Float>, biasGradient: UnsafeMutablePointer<Float>
  ) {
    table.pointee.rows_parameters(
      g, x, rows, width, mean, inverse, weightGradient, biasGradient)
  }

  package func rowsGradient(
    _ g: UnsafeMutablePointer<Float>, _ x: UnsafePointer<Float>, rows: Int, width: Int,
    weight: UnsafePointer<Float>, mean: UnsafePointer<Float>, inverse: UnsafePointer<Float>
  ) { table.pointee.rows_gradient(g, x, rows, width, weight, mean, inverse) }
}
