import AllReduce
import ExampleSupport

/// Every rank has its part of each batch, and computes with all weights.
final class DataTrainer: Trainer {
  private let parallel: DataParallel<Float>
  /// One a shard that this rank computes one after the other.
  private let loaders: [BatchLoader<Float>]
  private let loss: SoftmaxCrossEntropy<Float>
  private let clipping: GradientClipping?
  private let records: RunRecords
  private(set) var updateSeconds = 0.0
  private let clock = ContinuousClock()

  init(
    _ network: Network<Float>, over world: Communicator, _ data: any Dataset, _ plan: TrainingPlan,
    _ options: ClassifierOptions, _ update: UpdateMode, _ records: RunRecords
  ) throws {
    self.records = records
    parallel = try DataParallel(
      network, over: world, algorithm: options.algorithm, compression: options.compression,
      start: options.overlap ? .duringBackward : .afterBackward,
      bucketBytes: options.bucketBytes?.bytes, update: update, optimizer: options.learning.rule,
      virtualShards: options.updating.reproducible)
    parallel.recorder = records.recorder
    let shards = (parallel.virtualShards ?? world.size) / world.size
    loaders = (0..<shards).map {
      BatchLoader(
        data, plan.sampler, rank: world.rank * shards + $0, of: world.size * shards)
    }
    loss = SoftmaxCrossEntropy(labelSmoothing: options.learning.labelSmoothing)
    clipping = options.learning.clip.map { GradientClipping(maximumNorm: $0) }
  }

  var world: Communicator { parallel.communicator }
  var parameterCount: Int { parallel.network.parameterCount }
  var ownParameterCount: Int { parameterCount }
  var mode: UpdateMode { parallel.mode }
  var algorithm: ReductionAlgorithm { parallel.chosenAlgorithm }
  var computeSeconds: Double { parallel.computeSeconds }
  var exchangeTimes: ExchangeTimes { parallel.exchangeTimes }
  var traffic: Traffic { parallel.traffic }
  var exchanges: [(layer: String, kind: String, traffic: Traffic)] {
    [("gradients of all layers", "all-reduce", traffic)]
  }

  var nextStep: UInt64 {
    get { parallel.nextStep }
    set { parallel.nextStep = newValue }
  }
  var stateTensors: [StateTensor<Float>] { parallel.stateTensors }

  func takeStep(
    _ parts: Range<Int>, epoch: Int, number: Int, rate: Double
  ) throws -> BatchScore? {
    let total = try parallel.step(microBatches: parts.count * loaders.count) { part in
      let batch = records.span("input") {
        loaders[part % loaders.count].batch(
          epoch: epoch, step: parts.lowerBound + part / loaders.count)
      }
      parallel.network.pass.examples = batch.examples
      return try parallel.forward(batch.inputs, .classes(batch.labels), loss)
    }
    guard total.loss.isFinite else { return nil }
    let reduced = clock.now
    parallel.updateCount = number - 1
    let isTaken = try records.span("update") {
      try parallel.update(learningRate: rate, clipping: clipping, finishing: false)
    }
    updateSeconds += (clock.now - reduced) / .seconds(1)
    return isTaken ? total : nil
  }

  func finishUpdate() throws { try parallel.finishUpdate() }

  func score(on data: any Dataset) throws -> BatchScore {
    parallel.network.pass.isTraining = false
    let own = BlockPartition(count: data.count, parts: world.size)[world.rank]
    var score = BatchScore()
    try Evaluation.run(on: data, own, batch: 256, turns: nil) { inputs, labels in
      score += try loss.evaluate(
        parallel.network.forward(inputs), .classes(labels), gradient: nil)
    }
    return try parallel.sum(score)
  }

  func checksum() throws -> UInt64 { try parallel.checksum() }
}
