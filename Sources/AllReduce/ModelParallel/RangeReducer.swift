internal import AllReduceMPI
internal import AllReduceNN

/// Adds up a range of an arena over a group of ranks, bucket by bucket while the backward pass goes on.
///
/// The gradients of one memory may have several: divided weights are added up over the ranks with the same
/// shard, those that every rank has over all.
final class RangeReducer<Scalar: NetworkScalar & ReducibleScalar> {
  let communicator: Communicator
  let range: Range<Int>
  private let memory: Arena<Scalar>
  private var buckets: GradientBuckets
  private let queue: BucketQueue
  private let tally = TrafficTally()

  var times: ExchangeTimes { queue.times }
  /// What this rank has moved for it.
  var traffic: Traffic { tally.traffic }

  /// Prepares to add up `range` of a memory, of which `parts` will be reported as ready, in buckets of at most
  /// so many bytes. What lies between parts travels too.
  init(
    _ memory: Arena<Scalar>, _ range: Range<Int>, parts: [Range<Int>],
    over communicator: Communicator, bucketBytes: Int
  ) {
    self.memory = memory
    self.range = range
    self.communicator = communicator
    let stride = MemoryLayout<Scalar>.stride
    let parts = parts.filter { range.contains($0.lowerBound) }
    buckets = GradientBuckets(
      range, parts: parts.sorted { $0.lowerBound < $1.lowerBound },
      bucketCount: bucketBytes / stride, perLine: 64 / stride)
    queue = BucketQueue(capacity: buckets.ranges.count, over: communicator)
  }

  /// Begins a new backward pass.
  func begin() {
    queue.reset()
    buckets.reset()
  }

  /// Starts to add up what is complete now.
  func isReady(_ elements: Range<Int>) throws {
    guard communicator.size > 1 else { return }
    try queue.work {
      buckets.complete(elements)
      while let bucket = buckets.nextComplete() { try start(bucket) }
    }
  }

  /// Waits until all is added up.
  func finish() throws {
    guard communicator.size > 1, !range.isEmpty else { return }
    try queue.wait {
      while let bucket = buckets.nextLeft() { try start(bucket) }
      try queue.end()
    }
  }

  private func start(_ bucket: Range<Int>) throws {
    // Shards have other sizes on other ranks, so buckets begin elsewhere there.
    let name = CallName.bucket(queue.startedCount)
    try queue.start {
      try tally.counting {
        try communicator.startAllReduce(
          memory[bucket], .sum, using: .automatic, wireFormat: .full, named: name)
      }
    }
  }
}
