package import CKernels

/// The C loops of gradient compression, for one scalar type: see `compression.h`.
package struct CompressionKernels: @unchecked Sendable {
  /// The table of C functions, in constant memory.
  private let table: UnsafePointer<ck_compression>

  /// Creates the loops for `Double` or `Float` at a processor level, which this processor must have.
  package init(ofDouble: Bool, _ level: ProcessorLevel = .current) {
    table = ck_compression_at(level, Int32(ofDouble ? CK_DOUBLE : CK_FLOAT))!
  }

  /// The largest number of columns of a narrow matrix: the largest `rank`.
  package static var mostColumns: Int { Int(CK_MOST_COLUMNS) }

  /// The sizes of a matrix, `[rows, columns]`, and the number of columns, `rank`, of the narrow matrices that it is
  /// multiplied by.
  package struct Sizes: Sendable {
    package var rows: Int
    package var columns: Int
    package var rank: Int

    package init(rows: Int, columns: Int, rank: Int) {
      (self.rows, self.columns, self.rank) = (rows, columns, rank)
    }
  }

  /// Adds `gradient` to `matrix`, then computes p = (matrix * qᵀ)ᵀ: `[rank, rows]`, from q, `[rank, columns]`.
  package func project(
    _ matrix: UnsafeMutableRawPointer, adding gradient: UnsafeRawPointer, _ sizes: Sizes,
    _ q: UnsafeRawPointer, to p: UnsafeMutableRawPointer
  ) {
    table.pointee.project(matrix, gradient, sizes.rows, sizes.columns, sizes.rank, q, p)
  }

  /// Computes q = p * matrix: `[rank, columns]`, from p, `[rank, rows]`.
  package func projectBack(
    _ matrix: UnsafeRawPointer, _ sizes: Sizes, _ p: UnsafeRawPointer,
    to q: UnsafeMutableRawPointer
  ) {
    table.pointee.project_back(matrix, sizes.rows, sizes.columns, sizes.rank, p, q)
  }

  /// Computes gradient = pᵀ * q, and subtracts pᵀ * own from `matrix`, where `own` is this rank's part of the sum q.
  /// Every processor gives the same bits.
  package func reconstruct(
    _ matrix: UnsafeMutableRawPointer, _ gradient: UnsafeMutableRawPointer, _ sizes: Sizes,
    _ p: UnsafeRawPointer, own: UnsafeRawPointer, _ q: UnsafeRawPointer
  ) {
    table.pointee.reconstruct(
      matrix, gradient, sizes.rows, sizes.columns, sizes.rank, p, own, q)
  }

  /// Makes `rank` vectors of `count` numbers orthonormal. A vector that depends linearly on those before it becomes
  /// zero. Every processor gives the same bits.
  package func orthonormalize(_ vectors: UnsafeMutableRawPointer, count: Int, rank: Int) {
    table.pointee.orthonormalize(vectors, count, rank)
  }

  /// Sets each of the `rank` vectors of `guess`, of `count` numbers, to the corresponding vector of `q` scaled to
  /// length 1. A vector of `guess` is unchanged where that of `q` is zero or has a NaN.
  package func normalize(
    _ guess: UnsafeMutableRawPointer, from q: UnsafeRawPointer, count: Int, rank: Int
  ) {
    table.pointee.normalize(guess, q, count, rank)
  }

  /// Adds `gradient` to `values`, then moves the `wanted` elements of largest magnitude out of `values`: writes their
  /// indices to `places` and their values to `numbers`, and leaves zeros. NaN counts as largest. `scratch` has `count`
  /// words.
  package func takeLargest(
    _ values: UnsafeMutableRawPointer, adding gradient: UnsafeRawPointer, count: Int, wanted: Int,
    places: UnsafeMutablePointer<UInt32>, numbers: UnsafeMutableRawPointer,
    scratch: UnsafeMutablePointer<UInt32>
  ) {
    table.pointee.take_largest(values, gradient, count, wanted, places, numbers, scratch)
  }

  /// Adds numbers to the elements at some indices: values[places[i]] += numbers[i].
  package func add(
    _ numbers: UnsafeRawPointer, to values: UnsafeMutableRawPointer,
    at places: UnsafePointer<UInt32>, count: Int
  ) {
    table.pointee.add_at(values, places, numbers, count)
  }
}
