import AllReduce
import ArgumentParser
import ExampleSupport

/// How the ranks' sums are combined into one theta.
enum CombineMode: String, CaseIterable, ExpressibleByArgument {
  /// Every rank gets the total and takes the step itself.
  case allReduce
  /// Rank 0 gets the total, takes the step, and sends the new theta to the others.
  case central
}

/// The method by which theta is found.
enum LinregStrategy: String, CaseIterable, ExpressibleByArgument {
  /// Gradient descent.
  case descent
  /// Limited-memory BFGS, with servers that hold theta.
  case lbfgs
}

/// The command line of train-linreg.
struct LinregOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The data: FILE.csv, of comma-separated numbers, or FILE.npy, [rows, columns].",
      valueName: "file"))
  var data: String?

  @Option(
    help: ArgumentHelp(
      "The column to predict: its name, or its number from 1; all others are features. Of FILE.npy the file of the "
        + "targets.",
      valueName: "column"))
  var target: String?

  @Flag(help: "Each rank reads only its own part of the rows; leaves out the check.")
  var partitioned = false

  @Option(help: ArgumentHelp("How many examples to make up (default: 400).", valueName: "count"))
  var examples: Int?

  @Option(help: ArgumentHelp("How many features they have (default: 3).", valueName: "count"))
  var features: Int?

  @Option(
    help: "descent: gradient descent; lbfgs: limited-memory BFGS, whose vectors servers hold.")
  var strategy: LinregStrategy = .descent

  @Option(
    help: ArgumentHelp(
      "With lbfgs, the last ranks that hold shards of the vectors (default: 1).",
      valueName: "ranks"))
  var servers: Int?

  @Option(help: "The seed of made-up examples and of the order of mini-batches.")
  var seed: UInt64 = 1

  @Option(
    help: ArgumentHelp(
      "The algorithm that adds up the ranks' sums; automatic chooses by size and ranks.",
      valueName: "name"))
  var algorithm: ReductionAlgorithm = .automatic

  @Option(
    help: ArgumentHelp(
      "allReduce: every rank takes the step; central: rank 0 does and broadcasts theta.",
      valueName: "mode"))
  var combine: CombineMode = .allReduce

  @Option(
    help: ArgumentHelp(
      "The learning rate, in standard units (default: chosen safely from the data).",
      valueName: "alpha"))
  var learningRate: Double?

  @Option(
    help: ArgumentHelp(
      "The largest number of passes over the data (default: 100000, or 200 with --batch-size).",
      valueName: "count"))
  var epochs: Int?

  @Option(
    help: ArgumentHelp(
      "Ends when no element of theta changes by more in an epoch, relative to the largest.",
      valueName: "change"))
  var tolerance = 1e-13

  @Option(
    help: ArgumentHelp(
      "Takes a step after each batch of this many examples of all ranks together, in random order.",
      valueName: "count"))
  var batchSize: Int?

  @Flag(help: "Shows each rank's partial sums of the first step and their total.")
  var ranksReport = false

  @Flag(inversion: .prefixedNo, help: "Checks the result on rank 0, which holds all examples.")
  var verify = true

  @Option(help: "text for people, json for programs.")
  var format: OutputFormat = .text

  func validate() throws {
    if data != nil, target == nil {
      throw ValidationError(
        "--data needs --target, the column to predict; of FILE.npy the file of the targets.")
    }
    if let data, let target, OwnData.kind(of: data) == .npy, OwnData.kind(of: target) != .npy {
      throw ValidationError(
        "--data \(data) needs --target FILE.npy, the file of the targets, not \(target).")
    }
    if let data, OwnData.kind(of: data) == .npz {
      throw ValidationError("--data \(data): train-linreg reads FILE.csv and FILE.npy.")
    }
    if data != nil, examples != nil || features != nil {
      throw ValidationError("--examples and --features are for made-up data, not for --data.")
    }
    if data == nil, target != nil || partitioned {
      throw ValidationError("--target and --partitioned need --data, the file to learn from.")
    }
    if strategy == .descent, let servers {
      throw ValidationError("--servers \(servers) needs --strategy lbfgs, not descent.")
    }
    for (name, isGiven) in [
      ("combine", combine != .allReduce), ("learning-rate", learningRate != nil),
      ("batch-size", batchSize != nil), ("ranks-report", ranksReport),
    ] where isGiven && strategy == .lbfgs {
      throw ValidationError("--\(name) is for --strategy descent, not lbfgs.")
    }
    try OptionBounds.check("servers", servers)
    try OptionBounds.check("examples", examples, in: 2...OptionBounds.most)
    try OptionBounds.check("features", features, in: 1...1_000_000)
    try OptionBounds.check("learning-rate", learningRate, isOpen: true)
    try OptionBounds.check("epochs", epochs)
    try OptionBounds.check("tolerance", tolerance)
    try OptionBounds.check("batch-size", batchSize)
  }
}
