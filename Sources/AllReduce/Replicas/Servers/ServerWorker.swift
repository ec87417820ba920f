internal import AllReduceMPI
internal import AllReduceNN

/// A batch that a server has assigned to a worker.
struct ServedBatch {
  /// The step that the batch belongs to, within its epoch, from 0; a step has one batch for each worker.
  let step: Int
  /// The number of this batch among those of its step, from 0.
  let part: Int
}

/// A worker of Downpour: computes the gradients of the batches that it is assigned, pushes them, and reads weights,
/// where possible while it computes.
///
/// Weights that are read one step ahead do not include the worker's latest gradient, so the worker itself applies that
/// gradient to them.
final class ServerWorker<Scalar: NetworkScalar & ReducibleScalar> {
  let trainer: Trainer<Scalar>
  let client: ShardClient<Scalar>
  private let settings: ServerSettings
  private let elements: Range<Int>
  private let shards: [Range<Int>]
  private let workers: Int

  /// The versions of the weights that this worker computes with.
  private var view: WeightsRead
  /// For each read of the weights so far, the difference between the newest and the oldest version of the shards.
  private(set) var skews = StalenessHistogram()

  // The state within a segment.
  /// The number of pushes and ticks so far.
  private var clock = 0
  private var buffer = 0
  /// For each buffer, the learning rate of its latest push.
  private var rates = [0.0, 0.0]
  private var pushed = [0, 0]
  private var gathered = Gathered()

  /// The gradients accumulated in the buffer that is being filled.
  private struct Gathered {
    var steps = 0
    /// The sum of the weights of the accumulated gradients.
    var weight = 0.0
    var rate = 0.0
    /// For each shard, the number of other workers' updates in the weights from which the first of the gradients was
    /// computed.
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

  /// Works until no batches are left and all other workers have also finished.
  ///
  /// - Parameters:
  ///   - rate: The learning rate of a batch.
  ///   - compute: Computes the gradient of a batch. Returns `scale`, by which the gradient is multiplied to make it the
  ///     gradient of the mean loss, and the batch's `weight` in a step; both are 0 for an empty batch.
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

  /// Whether weights are read during the computation of the step before. Delay compensation must know exactly from
  /// which weights a gradient was computed, so with it reads come after pushes.
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

  /// Replaces the weights with those that were read, and applies this worker's own gradients that they lack.
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

  /// Applies this worker's own gradient between two reads of the weights; the servers will apply it too.
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

  /// Sends the present buffer to the servers, and continues with the other buffer.
  private func push() throws {
    clock += 1
    if gathered.weight == 0 {
      try client.tick()
    } else {
      // The learning rate is multiplied by the mean weight of the steps, so that weight decay has the same weight.
      let weight = gathered.weight / Double(gathered.steps)
      try client.push(
        buffer, number: clock, seen: gathered.seen, rate: gathered.rate * weight, scale: 1 / weight)
      (rates[buffer], pushed[buffer]) = (gathered.rate, clock)
      buffer = 1 - buffer
    }
    gathered = Gathered()
  }
}
