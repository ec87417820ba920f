internal import AllReduceMPI
internal import AllReduceNN

/// Adds up the gradients of equal shards of a batch along a binary tree, one shard after the other.
///
/// The sum of shards 0...7 is ((0+1)+(2+3)) + ((4+5)+(6+7)), however many ranks have them: a rank with a
/// power of two of them makes a subtree, and the ranks' sums are added up along the rest. So the bits do
/// not depend on the number of ranks. Takes as many copies of the gradient as the subtree is high.
struct GradientTree<Scalar: NetworkScalar & ReducibleScalar> {
  /// How many shards this rank has.
  let shards: Int
  private let levels: [TensorMemory<Scalar>]
  private let kernel = ReductionKernel.of(.sum, Scalar.scalarType)

  /// Prepares to add up `shards` gradients of `count` numbers.
  init(shards: Int, count: Int) {
    precondition(
      shards > 0 && shards & (shards - 1) == 0, "\(shards) shards are not a power of two")
    self.shards = shards
    levels = (0..<shards.trailingZeroBitCount).map { _ in TensorMemory(count: count) }
  }

  /// Takes the gradient of a shard; after the last one it is the sum of all.
  func add(_ shard: Int, _ gradient: UnsafeMutableBufferPointer<Scalar>) {
    guard let base = gradient.baseAddress else { return }
    var level = 0
    while shard >> level & 1 == 1 {
      kernel.combine(base, levels[level].values.baseAddress.unsafelyUnwrapped, gradient.count)
      level += 1
    }
    if level < levels.count { _ = levels[level].values.update(fromContentsOf: gradient) }
  }
}
/// The sums of some ranks' gradients, a block at a time, in memory that stays in the L1 cache.
///
/// They are added up along a binary tree over the ranks: as exact as can be, and the same tree that fewer
/// ranks with more of the batch each have (``GradientTree``). Bytes and addresses only: it is called for
/// every block.
struct GradientSum {
  private let gradients: [UnsafeRawPointer]
  private let kernel: ReductionKernel
  private let blockBytes: Int
  /// A block for each level of the tree above the leaves.
  private let blocks: TensorMemory<Double>

  /// How many gradients are added up.
  var count: Int { gradients.count }

  /// Prepares sums.
  ///
  /// - Parameters:
  ///   - gradients: Flat memory of each rank, in an order that all ranks know.
  ///   - kernel: Adds up elements of their type.
  ///   - blockBytes: The largest number of bytes of a block.
  init(of gradients: [UnsafeMutablePointer<some Any>], _ kernel: ReductionKernel, blockBytes: Int) {
    self.gradients = gradients.map { UnsafeRawPointer($0) }
    self.kernel = kernel
    self.blockBytes = blockBytes
    let levels = Int.bitWidth - (gradients.count - 1).leadingZeroBitCount
    blocks = TensorMemory(count: levels * blockBytes / MemoryLayout<Double>.stride)
  }

  /// Adds up a block.
  ///
  /// - Parameters:
  ///   - offset: Bytes from the start of the gradients.
  ///   - count: Elements.
  /// - Returns: Where the sum is: in memory of this object until the next call, or with one gradient there.
  func of(_ offset: Int, count: Int) -> UnsafeRawPointer {
    sum(gradients.indices, offset, count, level: 0)
  }

  private func sum(
    _ ranks: Range<Int>, _ offset: Int, _ count: Int, level: Int
  ) -> UnsafeRawPointer {
    if ranks.count == 1 { return gradients[ranks.lowerBound] + offset }
    // The larger power of two on the left.
    let left = 1 << (Int.bitWidth - 1 - (ranks.count - 1).leadingZeroBitCount)
    let middle = ranks.lowerBound + left
    let target =
      UnsafeMutableRawPointer(blocks.values.baseAddress.unsafelyUnwrapped) + level * blockBytes
    let first = sum(ranks.lowerBound..<middle, offset, count, level: level)
    let second = sum(middle..<ranks.upperBound, offset, count, level: level + 1)
    if first == UnsafeRawPointer(target) {
      kernel.combine(target, second, count)
    } else {
      kernel.combineApart(target, first, second, count)
    }
    return UnsafeRawPointer(target)
  }
}
