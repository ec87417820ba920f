import AllReduce
import ArgumentParser
import ExampleSupport

/// The command line of train-classifier.
struct ClassifierOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "A table, FILE.csv with --target; arrays, FILE.npy or FILE.npz; a directory of images in IDX files (MNIST's "
        + "names); digits; or synthetic (default: Fashion-MNIST where it is installed, else digits).",
      valueName: "data"))
  var data: String?

  @OptionGroup(title: "Data of your own") var own: DataOptions

  @Option(help: "Which network.")
  var model: NamedModel?

  @Option(
    help: ArgumentHelp(
      "The network's layers: 784,512,relu,512,relu,10 or 28x28x1,conv:32x3,relu,pool:2,10; all of "
        + "them: docs/schemas.md.", valueName: "words"))
  var layers: String?

  @Option(
    help: ArgumentHelp(
      "Examples of a rank in a step: the global batch is this times the number of ranks (default: 64).",
      valueName: "count"))
  var batchSize: Int?

  @Option(
    help: ArgumentHelp(
      "Examples of all ranks together in a step, instead of --batch-size.", valueName: "count"))
  var globalBatchSize: Int?

  @Option(help: "Passes over the data.")
  var epochs = 5

  @Option(name: .customLong("strategy"), help: "What is sharded over the ranks (default: data).")
  var requestedStrategy: Strategy?

  /// What is sharded over the ranks; `data` if not given.
  var strategy: Strategy { requestedStrategy ?? .data }

  @Option(
    help: ArgumentHelp(
      "Runs the plan in a file, instead of --strategy: docs/schemas.md.", valueName: "file"))
  var plan: String?

  @Flag(
    help: "Prints the plan that would run, as a table or with --format json, and trains nothing.")
  var printPlan = false

  @Option(help: "text for people, json for programs.")
  var format: OutputFormat = .text

  @OptionGroup(title: "Initial weights") var weights: WeightOptions

  @OptionGroup(title: "Optimization") var learning: LearningOptions

  @OptionGroup(title: "Model parallelism") var sharing: SharingOptions

  @OptionGroup(title: "Replicas") var replicas: ReplicaOptions

  @OptionGroup(title: "Parameter servers") var serving: ServerOptions

  @OptionGroup(title: "Weight updates") var updating: UpdateOptions

  @Option(
    help: ArgumentHelp(
      "Accumulates gradients over this many micro-batches of each rank's batch, and exchanges them once.",
      valueName: "count"))
  var accumulate = 1

  @Option(
    help: ArgumentHelp(
      "The largest number of examples to train on; synthetic makes this many (default there: 10000).",
      valueName: "count"))
  var dataLimit: Int?

  @Option(help: ArgumentHelp("Ends each epoch after this many steps.", valueName: "count"))
  var steps: Int?

  @Option(
    help: ArgumentHelp(
      "Also measures the test accuracy whenever this many steps are done.", valueName: "steps"))
  var evaluateEvery: Int?

  @Option(help: "The seed of initial weights, dropout, the order of examples, synthetic data.")
  var seed: UInt64 = 1

  @Option(
    help: ArgumentHelp(
      "The all-reduce algorithm of gradients; automatic chooses by size.", valueName: "name"))
  var algorithm: ReductionAlgorithm = .automatic

  @Option(
    help: ArgumentHelp(
      "The compression of gradients between hosts: none, bfloat16, float16, topK:FRACTION (the "
        + "largest numbers) or powerSGD:RANK (narrow matrices) (default: what --wire-format says).",
      valueName: "name"),
    transform: CompressionWords.compression)
  var compress: (any GradientCompression)?

  @Option(
    name: .customLong("wire-format"),
    help: ArgumentHelp(
      "The format of gradients in messages (default: full).", valueName: "format"))
  var requestedWireFormat: WireFormat?

  /// The format of gradients in messages; `full` if not given.
  var wireFormat: WireFormat { requestedWireFormat ?? .full }

  /// The compression of gradients between hosts.
  var compression: any GradientCompression { compress ?? WholeGradient(as: wireFormat) }

  @Flag(inversion: .prefixedNo, help: "Overlaps the exchange of gradients with the backward pass.")
  var overlap = true

  @Option(
    help: ArgumentHelp(
      "The largest number of bytes of gradients exchanged at once when overlapping (default: 4Mi).",
      valueName: "bytes"))
  var bucketBytes: ByteCount?

  @Option(
    help: ArgumentHelp("Writes a line of JSON to a file after each step.", valueName: "file"))
  var log: String?

  @OptionGroup(title: "Checkpoints and traces") var keeping: KeepingOptions

  @OptionGroup(title: "Verbosity") var verbosity: VerbosityOptions

  @OptionGroup(title: "Safety") var safety: SafetyOptions

  func validate() throws {
    if model != nil, layers != nil {
      throw ValidationError("--model and --layers are two ways to say the same thing: give one.")
    }
    if batchSize != nil, globalBatchSize != nil {
      throw ValidationError(
        "--batch-size and --global-batch-size are two ways to say the same thing: give one.")
    }
    guard Strategy.available.contains(strategy) else {
      throw ValidationError(
        "--strategy \(strategy.rawValue) is not available yet: "
          + Strategy.allValueStrings.joined(separator: ", ") + " are.")
    }
    try own.validate(data)
    try weights.validate()
    if weights.weights != nil, keeping.resume {
      throw ValidationError("--resume begins with the weights of the state: leave out --weights.")
    }
    if own.predictsNumbers, learning.labelSmoothing > 0 {
      throw ValidationError(
        "--label-smoothing is for classes: leave it out with --loss meanSquaredError.")
    }
    try validateServing()
    try sharing.validate(strategy)
    if sharing.variableBatch, accumulate != 1 {
      throw ValidationError(
        "--variable-batch changes weights after each turn: leave out --accumulate \(accumulate).")
    }
    if let plan {
      for (name, isGiven) in [
        ("strategy \(strategy.rawValue)", strategy != .data),
        ("update", updating.update != nil), ("wire-format", requestedWireFormat != nil),
        ("compress", compress != nil), ("bucket-bytes", bucketBytes != nil),
        ("no-overlap", !overlap),
        (replicas.given ?? "", replicas.given != nil),
      ] where isGiven {
        throw ValidationError("--plan \(plan) already sets this: leave out --\(name).")
      }
    }
    if strategy == .auto, let given = replicas.given {
      throw ValidationError(
        "--strategy auto chooses among plans whose ranks train in step: leave out --\(given), or name a strategy."
      )
    }
    if strategy != .data, updating.reproducible != nil {
      throw ValidationError("--reproducible is for --strategy data, not \(strategy.rawValue).")
    }
    if let compress, wireFormat != .full {
      throw ValidationError(
        "--compress \(compress.name) and --wire-format \(wireFormat) both say how gradients travel: "
          + "give one.")
    }
    try updating.validate(self)
    if compression.wireFormat != .full, algorithm == .native {
      throw ValidationError(
        "--algorithm native is MPI's own and cannot send \(compression.name): choose another.")
    }
    for (name, count) in [
      ("data-limit", dataLimit), ("batch-size", batchSize),
      ("global-batch-size", globalBatchSize), ("accumulate", accumulate), ("epochs", epochs),
      ("steps", steps), ("evaluate-every", evaluateEvery),
    ] {
      try OptionBounds.check(name, count)
    }
    try OptionBounds.check("bucket-bytes", bucketBytes?.bytes, in: 1...1 << 40)
    do { _ = try layers.map { try NetworkWords($0) } } catch { throw ValidationError("\(error)") }
  }
}
