import AllReduce
import ExampleSupport

/// The ranks of a model group share the weights of dense layers; other layers may be divided by data.
final class ModelTrainer: Trainer {
  private let parallel: ModelParallel<Float>
  private let loader: BatchLoader<Float>
  private let clipping: GradientClipping?
  private let turns: Int
  private let batch: Int
  private let records: RunRecords

  init(
    _ layers: [any Layer<Float>], over world: Communicator, _ data: any Dataset,
    _ plan: TrainingPlan, _ options: ClassifierOptions, _ records: RunRecords
  ) throws {
    self.records = records
    let sharing = options.sharing
    let grid = try Grid(world, data: sharing.grid?.data ?? 1, model: sharing.grid?.model)
    let transition = options.strategy == .hybrid ? sharing.transition ?? .c : nil
    let parallel = try ModelParallel(
      layers, input: data.exampleShape, over: grid, transition: transition,
      labelSmoothing: options.learning.labelSmoothing, seed: options.seed,
      optimizer: options.learning.rule, bucketBytes: options.bucketBytes?.bytes)
    self.parallel = parallel
    parallel.recorder = records.recorder
    // With a transition every rank has examples of its own, in rank order; without, every group.
    let (part, parts) =
      transition == nil ? (grid.dataIndex, grid.data.size) : (world.rank, world.size)
    loader = BatchLoader(data, plan.sampler, rank: part, of: parts)
    batch = (plan.globalBatchSize + parts - 1) / parts
    clipping = options.learning.clip.map { GradientClipping(maximumNorm: $0) }
    turns = sharing.variableBatch ? grid.model.size : 1
  }

  var world: Communicator { parallel.grid.world }
  var parameterCount: Int { parallel.parameterCount }
  var ownParameterCount: Int { parallel.network.parameterCount }
  /// Every rank all weights that it holds.
  var mode: UpdateMode { .replicated }
  var algorithm: ReductionAlgorithm {
    world.algorithm(for: .automatic, count: parallel.network.layout.count, of: Float.self)
  }
  var computeSeconds: Double { parallel.computeSeconds - updatedInTurns }
  var updateSeconds: Double { parallel.updateSeconds }
  var exchangeTimes: ExchangeTimes { parallel.exchangeTimes }
  var traffic: Traffic { parallel.traffic }
  var exchanges: [(layer: String, kind: String, traffic: Traffic)] { parallel.exchanges }

  var nextStep: UInt64 {
    get { parallel.nextStep }
    set { parallel.nextStep = newValue }
  }
  var stateTensors: [StateTensor<Float>] { parallel.stateTensors }

  /// Updates between turns, which are within a step of the network.
  private var updatedInTurns = 0.0

  /// The gradient is no number any more.
  private struct NotFinite: Error {}

  func takeStep(
    _ parts: Range<Int>, epoch: Int, number: Int, rate: Double
  ) throws -> BatchScore? {
    let batch = records.span("input") { loader.batch(epoch: epoch, step: parts.lowerBound) }
    if turns == 1, clipping == nil {
      let total = try parallel.step(
        batch.inputs, batch.labels, examples: batch.examples,
        updating: number, learningRate: rate)
      return total.loss.isFinite ? total : nil
    }
    do {
      var turn = 0
      // A turn has fewer examples than a step by a factor; so must its rate be (Krizhevsky, 2014).
      let afterTurn: ((BatchScore) throws -> Void)? =
        turns == 1
        ? nil
        : { [self] score in
          turn += 1
          guard score.examples > 0 else { return }
          // By the step's number, so that a run that goes on counts as the one before.
          let before = updateSeconds
          try apply(
            score, parallel.backRange, number: (number - 1) * turns + turn,
            rate: rate / Double(turns))
          updatedInTurns += updateSeconds - before
        }
      let total = try parallel.step(
        batch.inputs, batch.labels, examples: batch.examples,
        afterTurn: afterTurn)
      guard turns > 1 else {
        try apply(total, nil, number: number, rate: rate)
        return total
      }
      // The examples of a step in front of the transition are those of all groups and turns.
      try apply(total, parallel.frontRange, number: number, rate: rate)
      return total
    } catch is NotFinite {
      return nil
    }
  }

  private func apply(
    _ total: BatchScore, _ range: Range<Int>?, number: Int, rate: Double
  ) throws {
    guard total.loss.isFinite,
      try parallel.update(
        OptimizerStep(
          number: number, learningRate: rate, gradientScale: total.gradientScale), range,
        clipping: clipping)
    else { throw NotFinite() }
  }

  func score(on data: any Dataset) throws -> BatchScore {
    let grid = parallel.grid
    let parts =
      parallel.layers.front == nil
      ? BlockPartition(count: data.count, parts: grid.data.size)
      : BlockPartition(count: data.count, parts: world.size)
    let own = parts[parallel.layers.front == nil ? grid.dataIndex : world.rank]
    var score = BatchScore()
    try Evaluation.run(
      on: data, own, batch: batch, turns: (parts[0].count + batch - 1) / batch
    ) { inputs, labels in
      score += try parallel.score(inputs, labels)
    }
    return try parallel.sum(score)
  }

  func checksum() throws -> UInt64 { try parallel.checksum() }
}
