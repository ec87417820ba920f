import AllReduce
import ArgumentParser
import ExampleSupport

/// Trains a classifier of images on all ranks together.
@main
struct TrainClassifier: ParsableCommand {
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
      """)

  @OptionGroup var options: ClassifierOptions

  static func main() {
    ProgramMain.run(TrainClassifier.self) { command, world, console in
      try command.run(in: world, console)
    }
  }

  private func run(in world: Communicator, _ console: RankConsole) throws {
    let clock = ContinuousClock()
    let start = clock.now
    let records = try RunRecords(options.keeping, over: world)
    let resumed = records.resumed
    let (data, training, layers, planned) = try world.agreeing {
      let data = try DataSource.load(options)
      let training = try TrainingPlan(
        options, data: data.training, ranks: world.size, goingOnFrom: resumed)
      let layers = try makeLayers(for: data.training)
      if options.updating.reproducible != nil, layers.contains(where: { $0.hasBatchStatistics }) {
        throw ClassifierError.usage(
          "--reproducible cannot hold with batchnorm, whose statistics are of as many examples as all "
            + "ranks have at once: use layernorm.")
      }
      return (data, training, layers, try options.makePlan(in: world))
    }
    let plan = try options.plan.map { try Plan(file: $0, over: world) } ?? planned
    if options.printPlan { return try print(plan, layers, data.training, world, console) }
    let learner = try Learner(layers, over: world, data.training, plan, training, options, records)
    if let resumed {
      console.note(
        "Goes on after step \(resumed.steps.grouped), with \(training.globalBatchSize.grouped) examples of "
          + "all ranks a step.")
    }
    let run = Training(learner, on: data, training, options, console, records)
    try run.restore()
    // Only now, when nothing can be wrong with the state any more, is the log of the run touched.
    let log = try world.agreeing {
      try MetricsLog(
        path: options.log, isRoot: world.isRoot, keepingSteps: resumed?.steps ?? 0)
    }
    do {
      try run.run(log)
    } catch let error as ClassifierError {
      // The same on all ranks, since it comes of the loss of all.
      try world.agreeing { throw error }
    }
    let leftOut = try records.finishTrace()
    if leftOut > 0 {
      console.note("The trace is full: \(leftOut.grouped) later spans are not in it.")
    }
    let result = ClassifierResult(
      options: options, plan: training, model: options.layers ?? model.rawValue, data: data,
      world: world, trainer: learner.trainer, training: run,
      seconds: (clock.now - start) / .seconds(1), ranks: try .init(learner.trainer))
    switch options.format {
    case .text: console.print(result.text)
    case .json: console.print(result.json.encoded())
    }
  }

  private func print(
    _ plan: Plan, _ layers: [any Layer<Float>], _ data: any Dataset, _ world: Communicator,
    _ console: RankConsole
  ) throws {
    let root = Sequential(layers)
    let settled = try plan.settled(
      for: root, input: data.exampleShape, over: world, algorithm: options.algorithm,
      virtualShards: options.updating.reproducible)
    switch options.format {
    case .text:
      console.print(try settled.table(for: root, input: data.exampleShape, ranks: world.size))
    case .json: console.print(settled.json)
    }
  }

  private var model: NamedModel { options.model ?? .mlp }

  private func makeLayers(for data: any Dataset) throws -> [any Layer<Float>] {
    let shape = data.exampleShape
    let words =
      if let layers = options.layers {
        try NetworkWords(layers)
      } else {
        model.words(input: shape, classes: data.classCount)
      }
    let input = Shape(words.input)
    guard input.count == shape.count, input.rank == 1 || input == shape else {
      throw ClassifierError.usage(
        "--layers begins with examples of \(input), but those of \(data.name) are \(shape), "
          + "\(shape.count) values.")
    }
    do {
      let layers: [any Layer<Float>] = try words.layers(for: shape)
      let output = try layers.reduce(shape) { try $1.outputShape(for: $0) }
      guard output.rank == 1, output.count >= data.classCount else {
        throw ClassifierError.usage(
          "--layers ends with \(output), but \(data.name) has \(data.classCount) classes."
        )
      }
      return layers
    } catch let error as ShapeError {
      throw ClassifierError.usage(error.description)
    }
  }
}

extension Layer {
  /// Whether this layer or one below it computes with statistics of the batch.
  fileprivate var hasBatchStatistics: Bool {
    self is BatchNorm<Scalar> || children.contains { $0.layer.hasBatchStatistics }
  }
}
