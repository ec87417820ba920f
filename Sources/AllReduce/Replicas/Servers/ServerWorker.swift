internal import AllReduceMPI
internal import AllReduceNN

/// A batch that a server has handed out.
struct ServedBatch {
  /// The step of all workers' batches that it belongs to, from 0, within its epoch.
  let step: Int
  /// The part of that step's batch.
  let part: Int
}

/// A worker of Downpour: computes gradients of batches that it is given, pushes them, and reads weights, during its
/// computation as far as that may be.
///
/// Weights that are read one step ahead lack the worker's latest gradient: it takes that step on them itself.
final class ServerWorker<Scalar: NetworkScalar & ReducibleScalar> {
  let trainer: Trainer<Scalar>
  let client: ShardClient<Scalar>
  private let settings: ServerSettings
  private let elements: Range<Int>
  private let shards: [Range<Int>]
  private let workers: Int

  /// The versions of the weights that this worker computes with.
  private var view: WeightsRead
  /// How far the shards' versions were apart in the readings so far.
  private(set) var skews = StalenessHistogram()

  // Of a segment.
  /// The pushes and ticks so far.
  private var clock = 0
  private var buffer = 0
  /// The rate of the latest push of each buffer.
  private var rates = [0.0, 0.0]
  private var pushed = [0, 0]
  private var gathered = Gathered()

  /// The contents of the buffer that is being filled.
  private struct Gathered {
    var steps = 0
    /// The sum of what the steps counted for.
    var weight = 0.0
    var rate = 0.0
    /// The versions of the weights that the first of its gradients was computed from.
    var seen: [Int] = []
  }

  init(
    _ trainer: Trainer<Scalar>, _ settings: ServerSettings, _ roles: ServerRoles,
    _ client: ShardClient<Scalar>
  ) {
    (self.trainer, self.settings, self.client) = (trainer, settings, client)
    elements = roles.shards[0].lowerBound..<roles.shards[roles.shards.count - 1].upperBound
    shards = roles.shards
    workers = roles.workers.count
    view = WeightsRead(shards: roles.shards.count)
  }

  /// Works until there are no batches left, and all other workers have ended too.
  ///
  /// - Parameters:
  ///   - rate: The learning rate of a batch.
  ///   - compute: Computes the gradient of the mean loss of a batch's part and returns what it is multiplied by; 0 for
  ///     an empty part.
  /// - Throws: The errors of `compute`; ``MPIError``.
  func work(
    rate: (Int) -> Double, _ compute: (Int) throws -> (scale: Double, weight: Double)
  ) throws {
    (clock, buffer, gathered, pushed) = (0, 0, Gathered(), [0, 0])
    client.begin()
    try client.askForBatch()
    try ask(first: 0)
    var step = 0
    while let number = try client.takeBatch() {
      try client.askForBatch()
      if step % settings.fetchEvery == 0 { try install() }
      let pushes = (step + 1) % settings.pushEvery == 0
      let fetchesNext = (step + 1) % settings.fetchEvery == 0
      if fetchesNext, readsAhead { try ask(first: clock + (pushes ? 1 : 0)) }
      let (scale, weight) = try compute(number)
      try gather(scale, weight, rate(number))
      if pushes { try push() }
      if !fetchesNext { stepAlone(weight == 0 ? 0 : rate(number), scale * weight) }
      if fetchesNext, !readsAhead { try ask(first: clock) }
      step += 1
    }
    if gathered.steps > 0 { try push() }
    try client.end()
  }

  /// Whether weights are read while the step before computes. Compensation wants to know exactly which weights a
  /// gradient was computed from: then reads come after pushes.
  private var readsAhead: Bool { !settings.staleness.compensation.keepsWeightsRead }

  private func ask(first: Int) throws {
    let bound = settings.staleness.bound
    try client.askForWeights(
      first: first, need: bound.map { first + settings.pushesPerFetch - 1 - $0 } ?? 0)
  }

  // MARK: Weights

  private var weights: UnsafeMutablePointer<Scalar> {
    trainer.network.values.baseAddress.unsafelyUnwrapped
  }

  /// Replaces the weights by those that were read, and takes this worker's own steps that they lack.
  private func install() throws {
    view = try client.takeWeights()
    skews.add(view.skew)
    (weights + elements.lowerBound).update(
      from: client.buffers.weights + elements.lowerBound, count: elements.count)
    for (shard, range) in shards.enumerated() {
      for old in 0...1 where pushed[old] > view.included[shard] {
        subtract(client.buffers.pushes[old], times: rates[old] * settings.ownStep, range)
      }
    }
    if gathered.weight > 0 {
      subtract(client.buffers.pushes[buffer], times: gathered.rate * settings.ownStep, elements)
    }
  }

  /// The step that the servers will take too, between two readings.
  private func stepAlone(_ rate: Double, _ scale: Double) {
    let gradients = trainer.network.gradients.baseAddress.unsafelyUnwrapped
    if rate == 0 { return }
    subtract(gradients, times: rate * scale * settings.ownStep, elements)
  }

  private func subtract(
    _ values: UnsafePointer<Scalar>, times factor: Double, _ range: Range<Int>
  ) {
    OptimizerKernel.subtract(
      values + range.lowerBound, times: factor, from: weights + range.lowerBound,
      count: range.count)
  }

  // MARK: Gradients

  private func gather(_ scale: Double, _ weight: Double, _ rate: Double) throws {
    if gathered.steps == 0 {
      try client.waitForBuffer(buffer)
      pushed[buffer] = 0
      gathered = Gathered()
    }
    gathered.steps += 1
    guard weight > 0 else { return }
    let target = client.buffers.pushes[buffer] + elements.lowerBound
    let isFirst = gathered.weight == 0
    if isFirst {
      gathered.seen = view.others
      target.setToZero(count: elements.count)
    }
    OptimizerKernel.of(Scalar.self).update(
      .sgd, weights: target,
      gradient: trainer.network.gradients.baseAddress.unsafelyUnwrapped + elements.lowerBound,
      count: elements.count, OptimizerKernel.Coefficients(scale: scale * weight, rate: -1))
    gathered.weight += weight
    gathered.rate = rate
  }

  /// Sends the buffer, and continues with the other one.
  private func push() throws {
    clock += 1
    if gathered.weight == 0 {
      try client.tick()
    } else {
      // The rate takes what the steps count for, so that weight decay counts equally.
      let weight = gathered.weight / Double(gathered.steps)
      try client.push(
        buffer, number: clock, seen: gathered.seen, rate: gathered.rate * weight, scale: 1 / weight)
      (rates[buffer], pushed[buffer]) = (gathered.rate, clock)
      buffer = 1 - buffer
    }
    gathered = Gathered()
  }
}
