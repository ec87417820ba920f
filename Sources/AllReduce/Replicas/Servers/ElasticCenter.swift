internal import AllReduceMPI
internal import AllReduceNN

/// The center: the weights to which an elastic force ties the workers' weights. It also hands out the batches that
/// workers compute between two pulls.
protocol ElasticCenter<Scalar>: AnyObject {
  associatedtype Scalar: NetworkScalar

  /// Begins a segment with these batches.
  func begin(_ batches: Range<Int>) throws
  /// Returns the number of the worker's next batch; nil if no batch is left.
  func nextBatch() throws -> Int?
  /// Pulls a worker's weights x and the center c towards each other: δ = α * (x - c); x -= δ; c += δ.
  func meet(_ weights: UnsafeMutablePointer<Scalar>, strength: Double) throws
  /// Ends the segment. A center that this rank has a copy of then overwrites `weights`.
  func end(_ weights: UnsafeMutablePointer<Scalar>) throws
}

/// The elastic force between a worker's weights and the center.
private enum ElasticForce {
  /// Computes δ = α * (x - c) into `difference`, and subtracts δ from x.
  static func pull<Scalar: NetworkScalar>(
    _ weights: UnsafeMutablePointer<Scalar>, to center: UnsafePointer<Scalar>,
    difference: UnsafeMutablePointer<Scalar>, count: Int, strength: Double
  ) {
    difference.setToZero(count: count)
    OptimizerKernel.subtract(weights, times: -strength, from: difference, count: count)
    OptimizerKernel.subtract(center, times: strength, from: difference, count: count)
    OptimizerKernel.subtract(difference, times: 1, from: weights, count: count)
  }
}

/// A center that is sharded over servers.
final class ServedCenter<Scalar: NetworkScalar & ReducibleScalar>: ElasticCenter {
  private let client: ShardClient<Scalar>
  private let elements: Range<Int>
  private let bound: Int?
  private var clock = 0
  private(set) var skews = StalenessHistogram()

  init(_ client: ShardClient<Scalar>, _ elements: Range<Int>, bound: Int?) {
    (self.client, self.elements, self.bound) = (client, elements, bound)
  }

  func begin(_ batches: Range<Int>) throws {
    clock = 0
    client.begin()
    try client.askForBatch()
  }

  func nextBatch() throws -> Int? {
    let batch = try client.takeBatch()
    if batch != nil { try client.askForBatch() }
    return batch
  }

  func meet(_ weights: UnsafeMutablePointer<Scalar>, strength: Double) throws {
    try client.askForWeights(first: clock, need: bound.map { clock - $0 } ?? 0)
    let view = try client.takeWeights()
    skews.add(view.skew)
    let buffer = clock % 2
    try client.waitForBuffer(buffer)
    ElasticForce.pull(
      weights + elements.lowerBound, to: client.buffers.weights + elements.lowerBound,
      difference: client.buffers.pushes[buffer] + elements.lowerBound, count: elements.count,
      strength: strength)
    clock += 1
    // The rate is -1, because servers subtract what is pushed.
    try client.push(buffer, number: clock, seen: view.others, rate: -1, scale: 1)
  }

  func end(_ weights: UnsafeMutablePointer<Scalar>) throws { try client.end() }
}

/// A center of which every rank has a copy: all workers are pulled towards it at once, by an all-reduce.
final class SharedCenter<Scalar: NetworkScalar & ReducibleScalar>: ElasticCenter {
  private let world: Communicator
  private let elements: Range<Int>
  private let center: TensorMemory<Scalar>
  /// This rank's δ, with room for a ``StepRequest`` at the end.
  private let difference: TensorMemory<Scalar>
  private var batches = 0..<0
  /// Returns this rank's request to save or stop at the end of a step; called at every pull.
  var ownRequest: () -> StepRequest = { .none }
  /// The combined request of all ranks in this segment, the same on all ranks.
  private(set) var stepRequest = StepRequest.none
  /// The batch after the last one of the segment, which ends early if a rank has a request to save or stop.
  var end: Int { batches.lowerBound - world.rank }

  /// Creates a center with the weights of a network.
  init(_ network: Network<Scalar>, over world: Communicator) {
    self.world = world
    elements = network.layout.reserved..<network.layout.count
    center = TensorMemory(count: elements.count)
    difference = TensorMemory(count: elements.count + 1)
    recall(network)
  }

  /// Overwrites the center with the weights of a network.
  func recall(_ network: Network<Scalar>) {
    _ = center.values.update(fromContentsOf: network.values[elements])
  }

  func begin(_ batches: Range<Int>) {
    stepRequest = .none
    self.batches = batches.lowerBound + world.rank..<batches.upperBound + world.rank
  }

  func nextBatch() -> Int? {
    guard batches.count >= world.size else { return nil }
    defer { batches = batches.dropFirst(world.size) }
    return batches.lowerBound
  }

  func meet(_ weights: UnsafeMutablePointer<Scalar>, strength: Double) throws {
    let (own, others) = (
      center.values.baseAddress.unsafelyUnwrapped, difference.values.baseAddress.unsafelyUnwrapped
    )
    ElasticForce.pull(
      weights + elements.lowerBound, to: own, difference: others, count: elements.count,
      strength: strength)
    (others + elements.count).pointee = Scalar(ownRequest().sum)
    try world.allReduce(difference.values, .sum)
    stepRequest = (stepRequest + StepRequest(sum: Int((others + elements.count).pointee))).asOne
    // All ranks have already claimed their batches of the next step, so the segment ends after it.
    if stepRequest.saves { batches = batches.lowerBound..<batches.lowerBound }
    OptimizerKernel.subtract(others, times: -1, from: own, count: elements.count)
  }

  func end(_ weights: UnsafeMutablePointer<Scalar>) {
    (weights + elements.lowerBound).update(
      from: center.values.baseAddress.unsafelyUnwrapped, count: elements.count)
  }
}
