import CKernels

extension NetworkScalar {
  /// Copies a row to every row of a matrix.
  static func fill(_ matrix: Tensor<Self>, withRow row: Tensor<Self>) {
    for start in stride(from: 0, to: matrix.count, by: row.count) {
      (matrix.base + start).update(from: row.base, count: row.count)
    }
  }

  /// Adds a row to every row of a matrix.
  static func add(_ row: Tensor<Self>, toRowsOf matrix: Tensor<Self>) {
    let (loops, values, count) = (layerLoops.table, row.base, row.count)
    for start in stride(from: 0, to: matrix.count, by: count) {
      loops.pointee.add_rows(values, 1, count, matrix.base + start)
    }
  }

  /// Computes, for each column, the sum of a matrix's rows, and adds it to `sums`; sets `sums` to zero first unless
  /// `keep` is true.
  static func addRows(of matrix: Tensor<Self>, keep: Bool, to sums: Tensor<Self>) {
    if !keep { sums.values.setToZero() }
    guard matrix.rows > 0 else { return }
    layerLoops.table.pointee.add_rows(matrix.base, matrix.count / sums.count, sums.count, sums.base)
  }
}
