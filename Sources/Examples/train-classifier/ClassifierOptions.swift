import AllReduce
import ArgumentParser
import ExampleSupport

/// The command line of train-classifier.
struct ClassifierOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "A directory of images in IDX files (MNIST's names), digits, or synthetic (default: "
        + "Fashion-MNIST where it is installed, else digits).", valueName: "data"))
  var data: String?

  @Option(
    help: ArgumentHelp(
      "The most examples to train on; synthetic makes so many (default there: 10000).",
      valueName: "count"))
  var dataLimit: Int?

  @Option(help: "Which network.")
  var model: NamedModel?

  @Option(
    help: ArgumentHelp(
      "The network's layers: 784,512,relu,512,relu,10 or 28x28x1,conv:32x3,relu,pool:2,10; words: "
        + "docs/schemas.md.", valueName: "words"))
  var layers: String?

  @Option(help: "What is split over the ranks.")
  var strategy: Strategy = .data

  @Option(
    help: ArgumentHelp(
      "Who updates the weights: each rank all (replicated), or a part, of copies (sharded) or of one copy "
        + "a host (shared). Default: shared on one host, sharded on several; replicated where --algorithm "
        + "or --reproducible asks for it.", valueName: "mode"))
  var update: UpdateMode?

  @Option(
    help: ArgumentHelp(
      "Cuts every global batch into so many shards, a power of two, for weights that are the same at any "
        + "number of ranks that divides it.", valueName: "shards"))
  var reproducible: Int?

  @OptionGroup(title: "How it learns") var learning: LearningOptions

  @Option(
    help: ArgumentHelp("Examples of a rank a step (default: 64).", valueName: "count"))
  var batchSize: Int?

  @Option(
    help: ArgumentHelp(
      "Examples of all ranks together a step, instead of --batch-size.", valueName: "count"))
  var globalBatchSize: Int?

  @Option(
    help: ArgumentHelp(
      "Computes each rank's batch in so many parts and exchanges gradients once.",
      valueName: "parts"))
  var accumulate = 1

  @Option(help: "Passes over the data.")
  var epochs = 5

  @Option(help: ArgumentHelp("Ends each epoch after so many steps.", valueName: "count"))
  var steps: Int?

  @Option(
    help: ArgumentHelp(
      "Also measures the test accuracy every so many steps.", valueName: "steps"))
  var evaluateEvery: Int?

  @Option(help: "The seed of first weights, dropout, the order of examples, synthetic data.")
  var seed: UInt64 = 1

  @Option(
    help: ArgumentHelp("How gradients are added; automatic chooses by size.", valueName: "name"))
  var algorithm: ReductionAlgorithm = .automatic

  @Option(help: "In how many bits gradients travel as messages.")
  var wireFormat: WireFormat = .full

  @Flag(inversion: .prefixedNo, help: "Exchanges gradients while the backward pass goes on.")
  var overlap = true

  @Option(
    help: ArgumentHelp(
      "The most bytes of gradients exchanged at once when overlapping (default: 4Mi).",
      valueName: "bytes"))
  var bucketBytes: ByteCount?

  @Option(
    help: ArgumentHelp("Writes a line of json a step to a file.", valueName: "file"))
  var log: String?

  @Option(help: "text for people, json for programs.")
  var format: OutputFormat = .text

  func validate() throws {
    if model != nil, layers != nil {
      throw ValidationError("--model and --layers are two ways to say the same: give one.")
    }
    if batchSize != nil, globalBatchSize != nil {
      throw ValidationError(
        "--batch-size and --global-batch-size are two ways to say the same: give one.")
    }
    guard strategy == .data else {
      throw ValidationError(
        "--strategy \(strategy.rawValue) is not there yet: only data is.")
    }
    if let reproducible {
      guard reproducible >= 1, reproducible & (reproducible - 1) == 0 else {
        throw ValidationError(
          "--reproducible must be a power of two, as 8 is, not \(reproducible).")
      }
      guard accumulate == 1 else {
        throw ValidationError(
          "--reproducible \(reproducible) cuts batches itself: leave out --accumulate \(accumulate)."
        )
      }
      guard wireFormat == .full else {
        throw ValidationError(
          "--reproducible \(reproducible) needs gradients that travel whole: leave out "
            + "--wire-format \(wireFormat).")
      }
      if needsFigures, let update, update != .replicated {
        throw ValidationError(
          "--clip and --optimizer lars need norms, which are added up in another order at each number of "
            + "ranks: --reproducible \(reproducible) works with them under --update replicated only."
        )
      }
    }
    if wireFormat != .full, algorithm == .native {
      throw ValidationError(
        "--algorithm native is MPI's own and cannot send \(wireFormat): choose another.")
    }
    for (name, count) in [
      ("data-limit", dataLimit), ("batch-size", batchSize),
      ("global-batch-size", globalBatchSize), ("accumulate", accumulate), ("epochs", epochs),
      ("steps", steps), ("reproducible", reproducible), ("evaluate-every", evaluateEvery),
      ("bucket-bytes", bucketBytes?.bytes),
    ] {
      if let count, count < 1 {
        throw ValidationError("--\(name) must be 1 or more, not \(count).")
      }
    }
    do { _ = try layers.map { try NetworkWords($0) } } catch { throw ValidationError("\(error)") }
  }
}

extension ClassifierOptions {
  /// Whether a step needs figures of the whole gradient first.
  private var needsFigures: Bool { learning.clip != nil || learning.optimizer == .lars }

  /// Who updates the weights.
  ///
  /// - Throws: ``ClassifierError`` if that does not fit the ranks or other options.
  func updateMode(in world: Communicator) throws -> UpdateMode {
    let hosts = world.hosts.count
    if let reproducible, reproducible % world.size != 0 {
      throw ClassifierError.usage(
        "--reproducible \(reproducible) gives \(world.size) ranks no equal numbers of shards: start 1, 2, "
          + "4 ... \(reproducible) ranks.")
    }
    let combinesInMemory = [.automatic, .sharedMemory, .hierarchical].contains(algorithm)
    guard let update else {
      if reproducible != nil { return hosts > 1 || needsFigures ? .replicated : .shared }
      return !combinesInMemory ? .replicated : hosts == 1 ? .shared : .sharded
    }
    if update == .replicated { return update }
    guard reproducible == nil || hosts == 1 else {
      throw ClassifierError.usage(
        "--reproducible adds up gradients of \(hosts) hosts under --update replicated only.")
    }
    guard combinesInMemory else {
      throw ClassifierError.usage(
        "--update \(update.rawValue) adds up gradients in its own way: leave out --algorithm \(algorithm)."
      )
    }
    return update
  }
}

/// What is split over the ranks.
enum Strategy: String, CaseIterable, ExpressibleByArgument {
  case data, model, hybrid, downpour, easgd, lbfgs, auto
}
