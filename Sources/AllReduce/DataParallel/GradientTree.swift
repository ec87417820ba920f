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
      shards > 0 && shards & (shards - 1) == 0, "\(shards) shards are no power of two")
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
