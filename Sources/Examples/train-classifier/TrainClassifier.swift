import AllReduce
import ArgumentParser
import ExampleSupport

/// Trains a classifier of images on all ranks together.
@main
struct TrainClassifier: TrainingProgram {
  static let configuration = CommandConfiguration(
    commandName: "train-classifier",
    abstract: "Trains a neural network that tells images apart, on any number of ranks.",
    discussion: """
      Every rank computes the gradient of its part of each batch; all-reduce makes it that of the whole \
      batch; every rank then takes the same step. With --strategy model the ranks share the weights of the \
      dense layers instead, and with hybrid those alone, while each has its own examples for the layers in \
      front. So p ranks learn what one would with the same global batch, seed and data.

        mpirun -np 2 .build/release/train-classifier --model mlp
        mpirun -np 2 .build/release/train-classifier --model wide --strategy model
        mpirun -np 4 --oversubscribe .build/release/train-classifier --data digits \\
          --layers 64,128,batchnorm,relu,dropout:0.2,10 --global-batch-size 64 --epochs 20

      Ends with 0; 1 if ranks end up with different weights; 64 for wrong usage; 65 for bad data or a \
      learning rate that diverges; 70 for any other failure.
      """,
    version: ProgramVersion.text)

  @OptionGroup var options: ClassifierOptions

  @OptionGroup var checking: CheckOptions

  static func main() {
    ProgramMain.run(TrainClassifier.self) { command, world, console in
      try command.run(in: world, console)
    }
  }

  func describeData(in world: Communicator) throws -> String {
    let data = try ClassificationData.named(
      options.data, limit: options.dataLimit, seed: options.seed)
    return "\(data.training.digest), tested on \(data.test.digest)"
  }

  private func run(in world: Communicator, _ console: RankConsole) throws {
    let clock = ContinuousClock()
    let start = clock.now
    let (data, layers, named) = try world.agreeing {
      let data = try ClassificationData.named(
        options.data, limit: options.dataLimit, seed: options.seed)
      return (data, try makeLayers(for: data.training), options.makePlan())
    }
    let plan = try options.plan.map { try Plan(file: $0, over: world) } ?? named
    if options.printPlan { return try print(plan, layers, data.training, world, console) }
    if let settings = options.serverSettings {
      let training = try serve(layers, data, settings, in: world, console)
      return try report(training, seconds: (clock.now - start) / .seconds(1), console)
    }
    let trainer = try Trainer(
      Sequential(layers), input: data.training.exampleShape, plan: plan, over: world,
      optimizer: options.learning.rule,
      loss: SoftmaxCrossEntropy(labelSmoothing: options.learning.labelSmoothing),
      clipping: options.learning.clip.map { GradientClipping(maximumNorm: $0) },
      algorithm: options.algorithm, virtualShards: options.updating.reproducible,
      seed: options.seed)
    let training = makeTraining(trainer, data)
    training.writers = options.verbosity.writers(console)
    try training.run(epochs: options.epochs)
    try report(training, seconds: (clock.now - start) / .seconds(1), console)
  }

  private func report(_ run: any ClassifierRun, seconds: Double, _ console: RankConsole) throws {
    let result = try ClassifierResult(
      options: options, model: options.layers ?? model.rawValue, training: run, seconds: seconds)
    switch options.format {
    case .text: try console.print(result.text)
    case .json: try console.print(result.json.encoded())
    }
  }

  /// Trains with parameter servers.
  private func serve(
    _ layers: [any Layer<Float>], _ data: ClassificationData, _ settings: ServerSettings,
    in world: Communicator, _ console: RankConsole
  ) throws -> any ClassifierRun {
    let training = try ServedTraining(
      Sequential(layers), data, over: world, settings, optimizer: options.learning.rule,
      loss: SoftmaxCrossEntropy(labelSmoothing: options.learning.labelSmoothing),
      batchSize: options.batchSize ?? 64, globalBatchSize: options.globalBatchSize,
      seed: options.seed)
    training.stepsPerEpoch = options.steps
    training.evaluatesEverySteps = options.evaluateEvery
    training.schedule = options.learning.rates(steps: training.stepCount(epochs: options.epochs))
    training.checkpoints = options.keeping.checkpoints
    training.tensorBoard = options.keeping.tensorboard
    (training.log, training.trace) = (options.log, options.keeping.trace)
    training.straggler = options.replicas.straggler
    training.checkResumed = options.learning.check
    training.layerWords = layerWords(of: data)
    training.writers = options.verbosity.writers(console)
    try training.run(epochs: options.epochs)
    return training
  }

  private func makeTraining(
    _ trainer: Trainer<Float>, _ data: ClassificationData
  ) -> Training<Float> {
    // Only a batch that was not asked for gives way to that of a state.
    let batch = options.globalBatchSize ?? options.batchSize.map { $0 * trainer.world.size }
    let training =
      batch.map { Training(trainer, data, globalBatchSize: $0, seed: options.seed) }
      ?? Training(trainer, data, seed: options.seed)
    training.accumulation = options.accumulate
    training.stepsPerEpoch = options.steps
    training.evaluatesEverySteps = options.evaluateEvery
    training.schedule = options.learning.rates(steps: training.stepCount(epochs: options.epochs))
    training.checkpoints = options.keeping.checkpoints
    training.straggler = options.replicas.straggler
    training.checkResumed = options.learning.check
    training.layerWords = layerWords(of: data)
    (training.log, training.trace) = (options.log, options.keeping.trace)
    training.tensorBoard = options.keeping.tensorboard
    return training
  }

  private func print(
    _ plan: Plan, _ layers: [any Layer<Float>], _ data: any Dataset, _ world: Communicator,
    _ console: RankConsole
  ) throws {
    let root = Sequential(layers)
    let settled = try plan.settled(
      for: root, input: data.exampleShape, over: world, algorithm: options.algorithm,
      virtualShards: options.updating.reproducible,
      usesNorms: options.learning.rule.usesNorms || options.learning.clip != nil)
    switch options.format {
    case .text:
      let ranks = settled.grid.map { $0.data * $0.model } ?? world.size
      try console.print(settled.table(for: root, input: data.exampleShape, ranks: ranks))
    case .json: try console.print(settled.json)
    }
  }

  private func layerWords(of data: ClassificationData) -> String {
    options.layers
      ?? model.text(input: data.training.exampleShape, classes: data.training.classCount)
  }

  private var model: NamedModel { options.model ?? .mlp }

  private func makeLayers(for data: any Dataset) throws -> [any Layer<Float>] {
    try
      (options.layers.map { try NetworkWords($0) }
      ?? model.words(input: data.exampleShape, classes: data.classCount)).layers(fitting: data)
  }
}
