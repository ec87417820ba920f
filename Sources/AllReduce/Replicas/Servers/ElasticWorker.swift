internal import AllReduceMPI
internal import AllReduceNN

/// The elastic force between a worker's weights and the center.
enum ElasticForce {
  /// Computes δ = α (x - c) and takes it from x.
  ///
  /// - Parameters:
  ///   - weights: x; changed.
  ///   - center: c.
  ///   - difference: Receives δ.
  ///   - count: The elements.
  ///   - strength: α.
  static func pull<Scalar: NetworkScalar>(
    _ weights: UnsafeMutablePointer<Scalar>, to center: UnsafePointer<Scalar>,
    difference: UnsafeMutablePointer<Scalar>, count: Int, strength: Double
  ) {
    difference.update(repeating: 0, count: count)
    OptimizerKernel.subtract(weights, times: -strength, from: difference, count: count)
    OptimizerKernel.subtract(center, times: strength, from: difference, count: count)
    OptimizerKernel.subtract(difference, times: 1, from: weights, count: count)
  }
}

/// A worker of elastic averaging: trains weights of its own, and every few steps pulls them and the servers' center
/// together.
///
/// δ = α (x - c); x -= δ; c += δ, with α the elasticity over the workers.
final class ElasticWorker<Scalar: NetworkScalar & ReducibleScalar> {
  private let network: Network<Scalar>
  private let client: ShardClient<Scalar>
  private let settings: ServerSettings
  private let elements: Range<Int>
  private let strength: Double
  private(set) var skews = StalenessHistogram()
  /// This worker's weights, while its network has the center between two segments.
  private var kept: TensorMemory<Scalar>?

  init(
    _ network: Network<Scalar>, _ settings: ServerSettings, _ roles: ServerRoles,
    _ client: ShardClient<Scalar>
  ) {
    (self.network, self.settings, self.client) = (network, settings, client)
    elements = roles.shards[0].lowerBound..<roles.shards[roles.shards.count - 1].upperBound
    strength = settings.elasticity / Double(roles.workers.count)
  }

  /// Works until there are no batches left, and all other workers have ended too.
  ///
  /// - Parameter step: Takes a step with a batch.
  /// - Throws: What `step` throws; ``MPIError``.
  func work(_ step: (Int) throws -> Void) throws {
    var (clock, taken, buffer) = (0, 0, 0)
    if let kept { _ = network.values.update(fromContentsOf: kept.values) }
    client.begin()
    try client.askForBatch()
    while let number = try client.takeBatch() {
      try client.askForBatch()
      if taken % settings.pushEvery == 0, taken > 0 {
        try meet(&clock, &buffer)
      }
      try step(number)
      taken += 1
    }
    // The center has what each worker learned last.
    if taken > 0 { try meet(&clock, &buffer) }
    try client.end()
    let memory = kept ?? TensorMemory(count: network.values.count)
    kept = memory
    _ = memory.values.update(fromContentsOf: network.values)
  }

  private func meet(_ clock: inout Int, _ buffer: inout Int) throws {
    try client.askForWeights(
      first: clock, need: settings.staleness.bound.map { clock - $0 } ?? 0)
    let view = try client.takeWeights()
    skews.add(view.skew)
    try client.waitForBuffer(buffer)
    ElasticForce.pull(
      network.values.baseAddress.unsafelyUnwrapped + elements.lowerBound,
      to: client.buffers.weights + elements.lowerBound,
      difference: client.buffers.pushes[buffer] + elements.lowerBound, count: elements.count,
      strength: strength)
    clock += 1
    // The servers subtract.
    try client.push(buffer, number: clock, seen: view.others, rate: -1, scale: 1)
    buffer = 1 - buffer
  }
}
