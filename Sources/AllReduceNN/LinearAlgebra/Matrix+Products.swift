extension Matrix {
  /// Multiplies some rows by a vector: result = rows * vector + keeping * result.
  ///
  /// Allocates nothing. `cblas_dgemv`, `cblas_sgemv`.
  ///
  /// - Parameters:
  ///   - vector: One number per column of the matrix.
  ///   - range: The rows to use; nil means all.
  ///   - keeping: The factor of the old result: 0 replaces it, -1 subtracts it from the product.
  ///   - result: One number per row of the range; elements after these are left unchanged.
  /// - Precondition: The shapes fit.
  package func multiply(
    _ vector: [Scalar], rows range: Range<Int>? = nil, keeping: Scalar = 0,
    into result: inout [Scalar]
  ) {
    let range = checked(range)
    precondition(
      vector.count == columns && result.count >= range.count,
      "cannot multiply [\(range.count), \(columns)] by [\(vector.count)] into [\(result.count)]: the sizes differ"
    )
    guard !range.isEmpty else { return }
    if columns == 0 {
      for row in 0..<range.count { result[row] = keeping == 0 ? 0 : keeping * result[row] }
      return
    }
    elements.withUnsafeBufferPointer { elements in
      vector.withUnsafeBufferPointer { vector in
        result.withUnsafeMutableBufferPointer { result in
          Scalar.matrixVector(
            transposed: false, rows: Int32(range.count), columns: Int32(columns), scale: 1,
            elements.baseAddress! + range.lowerBound * columns, vector.baseAddress!,
            keep: keeping, result.baseAddress!)
        }
      }
    }
  }

  /// Multiplies the transpose of some rows by a vector: result = the sum, over the rows, of each row times its element
  /// of the vector.
  ///
  /// Allocates nothing. Without rows the sum is zero. `cblas_dgemv`, `cblas_sgemv`.
  ///
  /// - Parameters:
  ///   - vector: One number per row of the range; elements after these are not used.
  ///   - range: The rows to use; nil means all.
  ///   - result: One number per column, replaced; elements after these are left unchanged.
  /// - Precondition: The shapes fit.
  package func multiplyTransposed(
    _ vector: [Scalar], rows range: Range<Int>? = nil, into result: inout [Scalar]
  ) {
    let range = checked(range)
    precondition(
      vector.count >= range.count && result.count >= columns,
      "cannot multiply [\(columns), \(range.count)] by [\(vector.count)] into [\(result.count)]: the sizes differ"
    )
    guard columns > 0 else { return }
    guard !range.isEmpty else {
      // BLAS would return at once and leave the old numbers.
      for column in 0..<columns { result[column] = 0 }
      return
    }
    elements.withUnsafeBufferPointer { elements in
      vector.withUnsafeBufferPointer { vector in
        result.withUnsafeMutableBufferPointer { result in
          Scalar.matrixVector(
            transposed: true, rows: Int32(range.count), columns: Int32(columns), scale: 1,
            elements.baseAddress! + range.lowerBound * columns, vector.baseAddress!,
            keep: 0, result.baseAddress!)
        }
      }
    }
  }

  /// Returns the product with another matrix, with either factor transposed on request.
  ///
  /// [rows, inner] * [inner, columns] gives [rows, columns]. `cblas_dgemm`, `cblas_sgemm`.
  ///
  /// - Parameters:
  ///   - other: The right factor.
  ///   - transposed: Whether this matrix, the left factor, is transposed.
  ///   - otherTransposed: Whether the right factor is transposed.
  /// - Returns: A new matrix.
  /// - Precondition: The inner sizes are equal.
  package func product(
    with other: Matrix, transposed: Bool = false, otherTransposed: Bool = false
  ) -> Matrix {
    let (height, inner) = transposed ? (columns, rows) : (rows, columns)
    let (otherInner, width) =
      otherTransposed ? (other.columns, other.rows) : (other.rows, other.columns)
    precondition(
      inner == otherInner,
      "cannot multiply [\(height), \(inner)] by [\(otherInner), \(width)]: \(inner) and \(otherInner) must be equal"
    )
    var result = Matrix(rows: height, columns: width)
    guard height > 0, width > 0, inner > 0 else { return result }
    result.withUnsafeMutableElements { result in
      elements.withUnsafeBufferPointer { left in
        other.elements.withUnsafeBufferPointer { right in
          Scalar.matrixMatrix(
            transposeA: transposed, transposeB: otherTransposed, rows: Int32(height),
            columns: Int32(width), inner: Int32(inner), left.baseAddress!, right.baseAddress!,
            keep: 0, result.baseAddress!)
        }
      }
    }
    return result
  }

  private func checked(_ range: Range<Int>?) -> Range<Int> {
    guard let range else { return 0..<rows }
    precondition(
      range.lowerBound >= 0 && range.upperBound <= rows,
      "rows \(range) are outside a matrix of [\(rows), \(columns)]")
    return range
  }
}

extension BLASScalar {
  /// Returns the dot product of the first `count` numbers of two vectors.
  ///
  /// `cblas_ddot`, `cblas_sdot`.
  ///
  /// - Parameters:
  ///   - x: A vector.
  ///   - y: Another vector, which may be the same one.
  ///   - count: The number of elements of each vector that are used.
  /// - Returns: The dot product; 0 if `count` is 0.
  /// - Precondition: Both vectors have at least `count` numbers.
  package static func dot(_ x: [Self], _ y: [Self], count: Int) -> Self {
    precondition(
      count >= 0 && count <= x.count && count <= y.count && count <= Int32.max,
      "[\(x.count)] . [\(y.count)] has no \(count) products")
    guard count > 0 else { return 0 }
    return x.withUnsafeBufferPointer { x in
      y.withUnsafeBufferPointer { y in
        dotProduct(count: Int32(count), x.baseAddress!, y.baseAddress!)
      }
    }
  }
}
