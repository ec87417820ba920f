import AllReduce
import ExampleSupport

/// Every rank has all weights and its part of each batch.
final class DataTrainer: Trainer {
  private let parallel: DataParallel<Float>
  private let loader: BatchLoader<Float>
  private let update: ParameterUpdate<Float>
  private let loss: SoftmaxCrossEntropy<Float>
  private let clipping: GradientClipping?
  private let records: RunRecords
  private(set) var updateSeconds = 0.0
  private let clock = ContinuousClock()

  init(
    _ network: Network<Float>, over world: Communicator, _ data: any Dataset, _ plan: TrainingPlan,
    _ options: ClassifierOptions, _ records: RunRecords
  ) throws {
    self.records = records
    parallel = try DataParallel(
      network, over: world, algorithm: options.algorithm, compression: options.compression,
      start: options.overlap ? .duringBackward : .afterBackward,
      bucketBytes: options.bucketBytes?.bytes)
    parallel.recorder = records.recorder
    loader = BatchLoader(data, plan.sampler, rank: world.rank, of: world.size)
    update = ParameterUpdate(options.learning.rule, layout: network.layout)
    loss = SoftmaxCrossEntropy(labelSmoothing: options.learning.labelSmoothing)
    clipping = options.learning.clip.map { GradientClipping(maximumNorm: $0) }
  }

  var world: Communicator { parallel.communicator }
  var parameterCount: Int { parallel.network.parameterCount }
  var ownParameterCount: Int { parameterCount }
  var algorithm: ReductionAlgorithm { parallel.reducer.chosenAlgorithm }
  var computeSeconds: Double { parallel.computeSeconds }
  var exchangeTimes: ExchangeTimes { parallel.reducer.times }
  var exchangedBytes: ExchangedBytes { parallel.exchangedBytes }
  var exchanges: [(layer: String, kind: String, bytes: ExchangedBytes)] {
    [("gradients of all layers", "all-reduce", exchangedBytes)]
  }

  var nextStep: UInt64 {
    get { parallel.nextStep }
    set { parallel.nextStep = newValue }
  }
  var stateTensors: [StateTensor<Float>] {
    parallel.network.stateTensors
      + parallel.network.layout.stateTensors(of: update.state, range: update.range)
  }

  func takeStep(
    _ parts: Range<Int>, epoch: Int, number: Int, rate: Double
  ) throws -> BatchScore? {
    let total = try parallel.step(microBatches: parts.count) { part in
      let batch = records.span("input") {
        loader.batch(epoch: epoch, step: parts.lowerBound + part)
      }
      parallel.network.pass.examples = batch.examples
      return try parallel.forward(batch.inputs, .classes(UnsafeBufferPointer(batch.labels)), loss)
    }
    guard total.loss.isFinite, let scale = gradientScale(total) else { return nil }
    let reduced = clock.now
    records.span("update") {
      update.update(
        parallel.network,
        OptimizerStep(number: number, learningRate: rate, gradientScale: scale))
    }
    updateSeconds += (clock.now - reduced) / .seconds(1)
    return total
  }

  /// What the summed gradient is multiplied by; nil if it has to be clipped and has no norm.
  private func gradientScale(_ total: BatchScore) -> Double? {
    guard let clipping, let base = parallel.network.gradients.baseAddress
    else { return total.gradientScale }
    let squares = update.gradientSquares(of: update.range, base + update.range.lowerBound)
    return clipping.scale(sumOfSquares: squares, gradientScale: total.gradientScale)
  }

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
