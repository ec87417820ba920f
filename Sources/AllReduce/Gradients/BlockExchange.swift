internal import AllReduceMPI
internal import AllReduceNN

/// Each rank updates its block of every bucket, of which it has the sum, and gives the others the new
/// weights by messages while it updates the next.
///
/// The buckets that the next forward pass needs first come first, and it can begin with their layers while
/// the others are on their way. This rank's weights are written only by the messages that it asks for
/// here, after its backward pass.
final class BlockExchange<Scalar: NetworkScalar & ReducibleScalar>: GradientExchange {
  let groups: ParameterGroups
  let reduction: BucketedReduction<Scalar>
  let updates: [Optimizer<Scalar>]
  private let memory: ParameterMemory<Scalar>
  /// The last bucket's weights, then those of the one before it.
  var newWeights: BucketQueue? { queue }
  private let queue: BucketQueue

  init(_ site: ExchangeSite<Scalar>) throws {
    let copies = site.groups.copies
    groups = site.groups
    memory = site.memory
    // Where several ranks add up the same, a block of the sum's ranks is more than one of the copies'.
    reduction = try site.reduction(
      to: copies.size == groups.sum.size ? .blocks : .everywhere, headerIsApart: true)
    updates = reduction.ranges.map { bucket in
      let own = BlockPartition(count: bucket.count, parts: copies.size)[copies.rank]
      return site.update(
        bucket.lowerBound + own.lowerBound..<bucket.lowerBound + own.upperBound)
    }
    queue = BucketQueue(capacity: reduction.ranges.count, over: copies, site.clock)
  }

  func measure(_ squares: UnsafeMutableBufferPointer<Double>) throws {
    for update in updates {
      memory.measure(update, squares)
    }
    try groups.copies.allReduce(squares, .sum)
  }

  func update(_ step: OptimizerStep, isMeasured: Bool) throws {
    try finish(from: 0)
    queue.reset()
    for number in updates.indices.reversed() {
      let (bucket, update) = (reduction.ranges[number], updates[number])
      memory.update(update.range, by: update, step)
      try queue.start {
        try groups.copies.start(
          .allGather, memory.values(bucket), .sum, using: .ring,
          named: CallName.bucket(queue.startedCount))
      }
      try queue.makeProgress()
    }
  }

  /// Waits for the weights of a bucket and of all buckets after it, which were started earlier.
  func finish(from element: Int) throws {
    guard !queue.isEmpty else { return }
    let buckets = reduction.ranges
    let bucket = max(0, element - buckets[0].lowerBound) / buckets[0].count
    let wanted = buckets.count - bucket
    guard queue.endedCount < wanted else { return }
    try queue.wait { try queue.end(first: wanted) }
  }
}
