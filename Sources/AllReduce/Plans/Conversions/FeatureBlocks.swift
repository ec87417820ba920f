internal import AllReduceMPI
internal import AllReduceNN

/// How the features of `[examples, features]` are dealt out to ranks: blocks of columns, those of
/// ``BlockPartition``, and how they are packed side by side for an exchange.
struct FeatureBlocks<Scalar: NetworkScalar & ReducibleScalar> {
  let partition: BlockPartition
  private let rank: Int

  init(_ width: Int, over communicator: Communicator) {
    partition = BlockPartition(count: width, parts: communicator.size)
    rank = communicator.rank
  }

  /// This rank's columns.
  var own: Range<Int> { partition[rank] }
  /// All columns.
  var width: Int { partition.total }
  /// The columns of the rank that has most.
  var widest: Int { partition[0].count }

  /// Copies some columns of `rows` rows out of a matrix that has all.
  func take(
    _ columns: Range<Int>, of rows: Range<Int>, from matrix: Tensor<Scalar>,
    to block: UnsafeMutablePointer<Scalar>
  ) {
    guard matrix.count > 0 else { return }
    for (place, row) in rows.enumerated() {
      (block + place * columns.count).update(
        from: matrix.base + row * width + columns.lowerBound, count: columns.count)
    }
  }

  /// Copies a block of columns into a matrix that has all.
  func put(
    _ block: UnsafePointer<Scalar>, to columns: Range<Int>, rows: Int, of matrix: Tensor<Scalar>
  ) {
    guard matrix.count > 0 else { return }
    for row in 0..<rows {
      (matrix.base + row * width + columns.lowerBound).update(
        from: block + row * columns.count, count: columns.count)
    }
  }
}
