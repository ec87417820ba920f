package import CKernels

/// The loops that make gradients smaller, for one type of number: see `compression.h`.
package struct CompressionKernels: @unchecked Sendable {
  /// The functions; constant memory.
  private let table: UnsafePointer<ck_compression>

  /// The loops at a level that this processor has.
  package init(ofDouble: Bool, _ level: ProcessorLevel = .current) {
    table = ck_compression_at(level, Int32(ofDouble ? CK_DOUBLE : CK_FLOAT))!
  }

  /// The largest number of columns of a narrow matrix.
  package static var mostColumns: Int { Int(CK_MOST_COLUMNS) }

  /// A matrix in memory, `[rows, columns]`, and how many columns the narrow ones have.
  package struct Sizes: Sendable {
    package var rows: Int
    package var columns: Int
    package var rank: Int

    package init(rows: Int, columns: Int, rank: Int) {
      (self.rows, self.columns, self.rank) = (rows, columns, rank)
    }
  }

  /// matrix += gradient, then p = matrix qᵀ, transposed: `[rank, rows]`, from `[rank, columns]`.
  package func project(
    _ matrix: UnsafeMutableRawPointer, adding gradient: UnsafeRawPointer, _ sizes: Sizes,
    _ q: UnsafeRawPointer, to p: UnsafeMutableRawPointer
  ) {
    table.pointee.project(matrix, gradient, sizes.rows, sizes.columns, sizes.rank, q, p)
  }

  /// q = p matrix.
  package func projectBack(
    _ matrix: UnsafeRawPointer, _ sizes: Sizes, _ p: UnsafeRawPointer,
    to q: UnsafeMutableRawPointer
  ) {
    table.pointee.project_back(matrix, sizes.rows, sizes.columns, sizes.rank, p, q)
  }

  /// gradient = pᵀ q, and matrix -= pᵀ own: the same bits on every processor.
  package func reconstruct(
    _ matrix: UnsafeMutableRawPointer, _ gradient: UnsafeMutableRawPointer, _ sizes: Sizes,
    _ p: UnsafeRawPointer, own: UnsafeRawPointer, _ q: UnsafeRawPointer
  ) {
    table.pointee.reconstruct(
      matrix, gradient, sizes.rows, sizes.columns, sizes.rank, p, own, q)
  }

  /// Makes `rank` vectors of `count` numbers orthonormal; one that depends on those before it becomes
  /// zero. The same bits on every processor.
  package func orthonormalize(_ vectors: UnsafeMutableRawPointer, count: Int, rank: Int) {
    table.pointee.orthonormalize(vectors, count, rank)
  }

  /// Makes each of `rank` vectors of `count` numbers that of `q`, with length 1, unless that is zero.
  package func normalize(
    _ guess: UnsafeMutableRawPointer, from q: UnsafeRawPointer, count: Int, rank: Int
  ) {
    table.pointee.normalize(guess, q, count, rank)
  }

  /// values += gradient, then takes the `wanted` greatest magnitudes out of `values`.
  package func takeLargest(
    _ values: UnsafeMutableRawPointer, adding gradient: UnsafeRawPointer, count: Int, wanted: Int,
    places: UnsafeMutablePointer<UInt32>, numbers: UnsafeMutableRawPointer,
    scratch: UnsafeMutablePointer<UInt32>
  ) {
    table.pointee.take_largest(values, gradient, count, wanted, places, numbers, scratch)
  }

  /// values[places[i]] += numbers[i].
  package func add(
    _ numbers: UnsafeRawPointer, to values: UnsafeMutableRawPointer,
    at places: UnsafePointer<UInt32>, count: Int
  ) {
    table.pointee.add_at(values, places, numbers, count)
  }
}
