internal import AllReduceMPI
internal import AllReduceNN

/// Sums the gradients of equal shards of a batch along a binary tree, one shard after the other.
///
/// The sum of shards 0...7 is ((0+1)+(2+3)) + ((4+5)+(6+7)) on any number of ranks: a rank with a power of two of the
/// shards sums one subtree, and the ranks' sums are added up along the rest of the tree. So the bits of the result do
/// not depend on the number of ranks. Needs memory for one copy of the gradient per level of the rank's subtree.
struct GradientTree<Scalar: NetworkScalar & ReducibleScalar> {
  /// The number of shards of the batch that this rank has.
  let shards: Int
  private let levels: [TensorMemory<Scalar>]
  private let kernel = ReductionKernel.of(.sum, Scalar.scalarType)

  /// Creates the tree of `shards` gradients with `count` numbers each; `shards` is a power of two.
  init(shards: Int, count: Int) {
    precondition(
      shards > 0 && shards & (shards - 1) == 0,
      "the number of virtual shards must be a power of two, not \(shards)")
    self.shards = shards
    levels = (0..<shards.trailingZeroBitCount).map { _ in TensorMemory(count: count) }
  }

  /// Adds the gradient of one shard to the tree. After the last shard, `gradient` is the sum over all shards.
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
/// Sums the gradients of several ranks, one block at a time, into memory that stays in the L1 cache.
///
/// A block is summed along a binary tree over the ranks, which is as exact as possible, and which is the same tree as
/// on fewer ranks with a larger part of the batch each (``GradientTree``). The interface has bytes and addresses only,
/// because it is called for every block.
struct GradientSum {
  private let gradients: [UnsafeRawPointer]
  private let kernel: ReductionKernel
  private let blockBytes: Int
  /// Memory for one block per level of the tree above the leaves.
  private let blocks: TensorMemory<Double>

  /// The number of gradients that are summed.
  var count: Int { gradients.count }

  /// Creates the sum of several ranks' gradients.
  ///
  /// - Parameters:
  ///   - gradients: The flat memory of each rank's gradients, in an order that all ranks know.
  ///   - kernel: The kernel that adds elements of the gradients' type.
  ///   - blockBytes: The largest number of bytes of a block.
  init(of gradients: [UnsafeMutablePointer<some Any>], _ kernel: ReductionKernel, blockBytes: Int) {
    self.gradients = gradients.map { UnsafeRawPointer($0) }
    self.kernel = kernel
    self.blockBytes = blockBytes
    let levels = Int.bitWidth - (gradients.count - 1).leadingZeroBitCount
    blocks = TensorMemory(count: levels * blockBytes / MemoryLayout<Double>.stride)
  }

  /// Sums one block of the gradients.
  ///
  /// - Parameters:
  ///   - offset: The number of bytes from the start of the gradients to the block.
  ///   - count: The number of elements of the block.
  /// - Returns: The address of the sum. It is in memory of this object until the next call; with only one gradient, it
  ///   is the address in that gradient.
  func of(_ offset: Int, count: Int) -> UnsafeRawPointer {
    sum(gradients.indices, offset, count, level: 0)
  }

  private func sum(
    _ ranks: Range<Int>, _ offset: Int, _ count: Int, level: Int
  ) -> UnsafeRawPointer {
    if ranks.count == 1 { return gradients[ranks.lowerBound] + offset }
    // The left subtree has the largest power of two that is less than the number of ranks.
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
