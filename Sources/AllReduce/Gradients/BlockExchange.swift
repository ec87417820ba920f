internal import AllReduceMPI
internal import AllReduceNN

/// Each rank has the sum of the gradients for its block of every bucket, and updates that block. An all-gather sends
/// the new weights to the other ranks while the next bucket is updated.
///
/// The buckets that the next forward pass needs first are updated first, and the pass can begin with their layers while
/// the other buckets are in flight. This rank's weights are written only by the all-gathers that it starts here, after
/// its backward pass.
final class BlockExchange<Scalar: NetworkScalar & ReducibleScalar>: GradientExchange {
  let groups: ParameterGroups
  let reduction: BucketedReduction<Scalar>
  let updates: [Optimizer<Scalar>]
  private let memory: ParameterMemory<Scalar>
  /// The all-gathers of new weights, from the last bucket to the first.
  var newWeights: BucketQueue? { queue }
  private let queue: BucketQueue

  init(_ site: ExchangeSite<Scalar>) throws {
    let copies = site.groups.copies
    groups = site.groups
    memory = site.memory
    // Where fewer ranks sum gradients than hold copies, a block per summing rank is larger than a block per copy.
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

  /// Waits for the new weights of the bucket of `element` and of all buckets after it, whose all-gathers started
  /// earlier.
  func finish(from element: Int) throws {
    guard !queue.isEmpty else { return }
    let buckets = reduction.ranges
    let bucket = max(0, element - buckets[0].lowerBound) / buckets[0].count
    let wanted = buckets.count - bucket
    guard queue.endedCount < wanted else { return }
    try queue.wait { try queue.end(first: wanted) }
  }
}
