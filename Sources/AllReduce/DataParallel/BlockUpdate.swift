internal import AllReduceMPI
internal import AllReduceNN

/// Each rank updates its block of every bucket, of which it has the sum, and gives the others the new
/// weights by messages while it updates the next.
///
/// The buckets that the next forward pass needs first come first, and it can begin with their layers while
/// the others are on their way. Nobody else writes this rank's weights but the messages that it asks for
/// here, after its backward pass.
final class BlockUpdate<Scalar: NetworkScalar & ReducibleScalar>: UpdateScheme {
  let updates: [Optimizer<Scalar>]
  var times: ExchangeTimes { queue.times }
  private let buckets: [Range<Int>]
  private let weights: UnsafeMutableBufferPointer<Scalar>
  private let gradient: UnsafeMutableBufferPointer<Scalar>
  private let communicator: Communicator
  /// The last bucket's weights, then those of the one before it.
  private let queue: BucketQueue

  init(
    _ optimizer: any UpdateRule, _ network: Network<Scalar>, buckets: [Range<Int>],
    over communicator: Communicator
  ) {
    self.buckets = buckets
    self.communicator = communicator
    weights = network.values
    gradient = network.gradients
    updates = buckets.map { bucket in
      let own = BlockPartition(count: bucket.count, parts: communicator.size)[communicator.rank]
      return Optimizer(
        optimizer, layout: network.layout,
        range: bucket.lowerBound + own.lowerBound..<bucket.lowerBound + own.upperBound)
    }
    queue = BucketQueue(capacity: buckets.count, over: communicator)
  }

  func record(_ recorder: SpanRecorder?) {
    queue.record(recorder, buckets.indices.reversed().map { "weights of bucket \($0)" })
  }

  func measure(_ squares: UnsafeMutableBufferPointer<Double>) throws {
    for update in updates {
      update.addFigures(
        of: update.range, weights: weights.baseAddress.unsafelyUnwrapped + update.range.lowerBound,
        gradient: gradient.baseAddress.unsafelyUnwrapped + update.range.lowerBound, to: squares)
    }
    try communicator.allReduce(squares, .sum)
  }

  func update(_ step: OptimizerStep, isMeasured: Bool) throws {
    try finish()
    queue.reset()
    for number in buckets.indices.reversed() {
      let update = updates[number]
      update.update(
        update.range,
        weights: weights.baseAddress.unsafelyUnwrapped + update.range.lowerBound,
        gradient: gradient.baseAddress.unsafelyUnwrapped + update.range.lowerBound, step)
      try queue.start {
        try communicator.start(
          .allGather, UnsafeMutableBufferPointer(rebasing: weights[buckets[number]]), .sum,
          using: .ring, named: CallName.bucket(number))
      }
      try queue.makeProgress()
    }
  }

  func makeProgress() throws { try queue.makeProgress() }

  func finish() throws { try finish(from: 0) }

  func letGo() { queue.letGo() }

  /// Waits for the weights of a bucket and of all behind it, which were started before.
  private func finish(from bucket: Int) throws {
    let wanted = buckets.count - bucket
    guard !queue.isEmpty, queue.endedCount < wanted else { return }
    try queue.wait { try queue.end(first: wanted) }
  }

  /// The bucket that has an element of the flat memory.
  private func bucket(of element: Int) -> Int {
    buckets.isEmpty ? 0 : (element - buckets[0].lowerBound) / buckets[0].count
  }

  func finishBeforeUse(in network: Network<Scalar>) {
    var firstBuckets: [ObjectIdentifier: Int] = [:]
    let starts = Dictionary(
      uniqueKeysWithValues: zip(network.layout.parameters, network.layout.ranges)
        .map { (ObjectIdentifier($0), $1.lowerBound) })
    func add(_ layer: any Layer<Scalar>) {
      // A sequence says it of each of its layers.
      if layer is Sequential<Scalar> { return layer.children.forEach { add($0.layer) } }
      if layer is any PartwiseLayer<Scalar> { return }
      guard let start = layer.allParameters.compactMap({ starts[ObjectIdentifier($0)] }).min()
      else { return }
      firstBuckets[ObjectIdentifier(layer)] = bucket(of: start)
    }
    add(network.root)
    network.pass.willUse = { [unowned self] layer in
      if !queue.isEmpty, let bucket = firstBuckets[ObjectIdentifier(layer)] {
        try finish(from: bucket)
      }
    }
    network.pass.willUsePart = { [unowned self] parameter, range in
      if !queue.isEmpty, let start = starts[ObjectIdentifier(parameter)] {
        try finish(from: bucket(of: start + range.lowerBound))
      }
    }
  }
}
