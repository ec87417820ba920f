import AllReduce
import ArgumentParser
import ExampleSupport

/// Trains a classifier, or a network that predicts numbers, on all ranks together.
@main
struct TrainClassifier: TrainingProgram {
  static let configuration = CommandConfiguration(
    commandName: "train-classifier",
    abstract: "Trains a neural network on images, tables or arrays, on any number of ranks.",
    discussion: """
      Every rank computes the gradient of its part of each batch; all-reduce makes it that of the whole \
      batch; every rank then takes the same step. With --strategy model the ranks share the weights of the \
      dense layers instead, and with hybrid those alone, while each has its own examples for the layers in \
      front. So p ranks learn what one would with the same global batch, seed and data.

        mpirun -np 2 .build/release/train-classifier --model mlp
        mpirun -np 2 .build/release/train-classifier --model wide --strategy model
        mpirun -np 2 .build/release/train-classifier --data data/breast_cancer.csv --target benign
        mpirun -np 4 --oversubscribe .build/release/train-classifier --data digits \\
          --layers 64,128,batchnorm,relu,dropout:0.2,10 --global-batch-size 64 --epochs 20

      A SIGTERM or SIGUSR1 to one of its processes, or a file "stop" in the folder of --checkpoint, lets it \
      write its state after the step that is under way and end with 75: go on with --resume. A file "save" \
      lets it write its state and go on.

      Ends with 0; 75 if it was asked to stop and goes on with --resume; 1 if ranks end up with different weights; 64 for wrong usage; 65 for bad data or a \
      learning rate that diverges; 70 for any other failure.
      """,
    version: ProgramVersion.text)

  @OptionGroup var options: ClassifierOptions

  @OptionGroup(title: "Job") var job: JobOptions

  static func main() {
    ProgramMain.run(TrainClassifier.self) { command, world, console in
      try command.run(in: world, console)
    }
  }

  func describeData(in world: Communicator) throws -> String {
    let data = try options.readData()
    return "\(data.training.digest), tested on \(data.test.digest)"
  }

  /// Runs the program on this rank.
  ///
  /// - Returns: The exit status of the program.
  private func run(in world: Communicator, _ console: RankConsole) throws -> Int32 {
    let clock = ContinuousClock()
    let start = clock.now
    let (data, layers, named) = try world.agreeing {
      let data = try options.readData()
      return (data, try makeLayers(for: data.training), options.makePlan())
    }
    for note in data.notes { console.note(note) }
    var plan = try options.plan.map { try Plan(file: $0, over: world) } ?? named
    let kept = try options.keptPlan(over: world)
    let automatic = options.strategy == .auto ? try choosePlan(kept, data, world, console) : nil
    if let automatic { plan = named.taking(automatic.plan) }
    let resumed = try world.agreeing {
      try options.plan == nil ? kept.map { try ResumedPlan($0, plan, options, over: world) } : nil
    }
    if let resumed {
      plan = resumed.plan
      for note in resumed.notes { console.note(note) }
    }
    // An automatic plan leaves out the last hosts if it is faster without them.
    let inUse = try automatic.flatMap {
      $0.hosts < world.hosts.count ? try HostsInUse($0.hosts, over: world) : nil
    }
    if let inUse, inUse.ranks == nil {
      try inUse.waitUntilEnd(passingOnRequests: options.keeping.checkpoints != nil)
      return 0
    }
    defer { try? inUse?.end() }
    let all = world.size
    let world = inUse?.ranks ?? world
    if options.printPlan {
      try print(plan, layers, data.training, world, console)
      return 0
    }
    if let settings = options.serverSettings {
      let training = try serve(layers, data, settings, in: world, console)
      try report(training, seconds: (clock.now - start) / .seconds(1), console)
      return training.isStopped ? ProgramMain.goesOn : 0
    }
    let root = Sequential(layers)
    let trainer = try Trainer(
      root, input: data.training.exampleShape, plan: plan, over: world,
      optimizer: options.learning.rule,
      loss: options.loss,
      clipping: options.learning.clip.map { GradientClipping(maximumNorm: $0) },
      algorithm: options.algorithm, virtualShards: options.updating.reproducible,
      seed: options.seed)
    try options.weights.load(into: trainer, of: root, input: data.training.exampleShape)
    let training = makeTraining(trainer, data, ranks: all)
    training.writers = options.verbosity.writers(console)
    training.afterStep = inUse.map { inUse in { try inUse.exchangeSigns() } }
    training.prediction = automatic?.prediction
    try training.run(epochs: options.epochs)
    try report(
      training, seconds: (clock.now - start) / .seconds(1), automatic: automatic,
      placesAsBefore: resumed?.placesAsBefore == true, console)
    return training.isStopped ? ProgramMain.goesOn : 0
  }

  /// Returns the plan of the checkpoint that is resumed from, otherwise the plan that is predicted to be fastest.
  private func choosePlan(
    _ kept: Plan?, _ data: TrainingData, _ world: Communicator, _ console: RankConsole
  ) throws -> AutomaticPlan {
    if options.keeping.resume {
      if let kept, !kept.meeting.isEveryStep {
        throw TrainingError.settings(
          "The state is of replicas that meet every few steps, among which --strategy auto does not choose: name a "
            + "strategy, or leave it out.")
      }
      if let kept = kept.flatMap({ AutomaticPlan($0, over: world) }) {
        for note in kept.notes { console.note(note) }
        return kept
      }
      console.note("The state has no plan for \(world.size) ranks: another is chosen.")
    }
    let batch = options.globalBatchSize ?? (options.batchSize ?? 64) * world.size
    let all = (data.training.count + batch - 1) / batch
    var work = AutomaticPlan.Work(
      { Sequential(try makeLayers(for: data.training)) }, input: data.training.exampleShape,
      globalBatchSize: batch, steps: min(options.steps ?? all, all) * options.epochs,
      optimizer: options.learning.rule, profile: options.sharing.profile)
    work.update = options.neededUpdate
    // With --print-plan nothing is trained, so measuring delays nothing.
    work.measuresAnyway = options.printPlan
    let chosen = try AutomaticPlan(for: work, over: world)
    for note in chosen.notes { console.note(note) }
    if let planned = chosen.planned, options.format == .text {
      console.note(PlanReport(planned).text)
    }
    return chosen
  }

  private func report(
    _ run: any ClassifierRun, seconds: Double, automatic: AutomaticPlan? = nil,
    placesAsBefore: Bool = false, _ console: RankConsole
  ) throws {
    let result = try ClassifierResult(
      options: options, model: options.layers ?? model.rawValue, training: run, seconds: seconds,
      automatic: automatic, placesAsBefore: placesAsBefore)
    switch options.format {
    case .text: try console.print(result.text)
    case .json: try console.print(result.json.encoded())
    }
  }

  /// Trains with parameter servers; returns the finished training.
  private func serve(
    _ layers: [any Layer<Float>], _ data: TrainingData, _ settings: ServerSettings,
    in world: Communicator, _ console: RankConsole
  ) throws -> any ClassifierRun {
    let training = try ServedTraining(
      Sequential(layers), data, over: world, settings, optimizer: options.learning.rule,
      loss: options.loss,
      batchSize: options.batchSize, globalBatchSize: options.globalBatchSize,
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
    _ trainer: Trainer<Float>, _ data: TrainingData, ranks: Int
  ) -> Training<Float> {
    // The checkpoint's batch size is used only if no batch size was given. The default counts idle ranks too.
    let isLeft = ranks > trainer.world.size && !options.keeping.resume
    let batch =
      options.globalBatchSize ?? (options.batchSize ?? (isLeft ? 64 : nil)).map { $0 * ranks }
    let training =
      batch.map { Training(trainer, data, globalBatchSize: $0, seed: options.seed) }
      ?? Training(trainer, data, seed: options.seed)
    training.accumulation = options.accumulate
    training.checksCopiesEvery = options.safety.checkReplicas
    training.replaysEvery = options.safety.replay
    training.skipsNonFinite = options.safety.onNonfinite == .skip
    training.stepsPerEpoch = options.steps
    training.evaluatesEverySteps = options.evaluateEvery
    training.schedule = options.learning.rates(steps: training.stepCount(epochs: options.epochs))
    training.checkpoints = options.keeping.checkpoints
    training.earlyStopping = options.keeping.patience.map { EarlyStopping(patience: $0) }
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
    let takesShards = options.loss is SoftmaxCrossEntropy<Float>
    let settled = try plan.settled(
      for: root, input: data.exampleShape, over: world, algorithm: options.algorithm,
      virtualShards: options.updating.reproducible, lossTakesShards: takesShards,
      usesNorms: options.learning.rule.usesNorms || options.learning.clip != nil)
    switch options.format {
    case .text:
      let ranks = settled.grid.map { $0.data * $0.model } ?? world.size
      try console.print(
        settled.resolved(
          for: root, input: data.exampleShape, ranks: ranks, lossTakesShards: takesShards
        ).text)
    case .json: try console.print(settled.json)
    }
  }

  private func layerWords(of data: TrainingData) -> String {
    options.layers
      ?? model.text(input: data.training.exampleShape, classes: data.training.outputCount)
  }

  private var model: NamedModel { options.model ?? .mlp }

  private func makeLayers(for data: any Dataset) throws -> [any Layer<Float>] {
    try
      (options.layers.map { try NetworkWords($0) }
      ?? model.words(input: data.exampleShape, classes: data.outputCount)).layers(fitting: data)
  }
}
