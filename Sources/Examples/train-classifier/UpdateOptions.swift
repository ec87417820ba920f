import AllReduce
import ArgumentParser
import ExampleSupport

/// The options for which ranks update which weights.
struct UpdateOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Which weights a rank updates: all (replicated), a shard of its own copy (sharded), or a shard of the one "
        + "copy that its host has (shared) (default: shared where ranks share a host, else sharded; replicated for "
        + "--compress, --wire-format and --algorithm).", valueName: "mode"))
  var update: UpdateMode?

  @Option(
    help: ArgumentHelp(
      "Cuts every global batch into this many shards, a power of two, for weights that are the same at any "
        + "number of ranks that divides it.", valueName: "shards"))
  var reproducible: Int?

  /// Checks these options against all other options.
  func validate(_ options: ClassifierOptions) throws {
    if options.isCompressed, let update, update != .replicated {
      throw ValidationError(
        "--update \(update.rawValue) adds up whole gradients: leave out \(options.compressionWords), or say "
          + "--update replicated.")
    }
    guard let reproducible else { return }
    try OptionBounds.check("reproducible", reproducible)
    guard reproducible & (reproducible - 1) == 0 else {
      throw ValidationError(
        "--reproducible must be a power of two, as 8 is, not \(reproducible).")
    }
    guard options.accumulate == 1 else {
      throw ValidationError(
        "--reproducible \(reproducible) cuts batches itself: leave out --accumulate "
          + "\(options.accumulate).")
    }
    guard !options.isCompressed else {
      throw ValidationError(
        "--reproducible \(reproducible) needs gradients that travel whole: leave out "
          + "\(options.compressionWords).")
    }
    if options.needsFigures, let update, update != .replicated {
      throw ValidationError(
        "--clip and --optimizer lars need norms, which are added up in a different order at each number of "
          + "ranks: --reproducible \(reproducible) works with them under --update replicated only."
      )
    }
  }
}

extension ClassifierOptions {
  /// The update that the options name or need; nil where any will do.
  var neededUpdate: UpdateMode? {
    let hasItsOwnWay = [.automatic, .sharedMemory, .hierarchical].contains(algorithm)
    return updating.update
      ?? (compression is any PartialCompression || !hasItsOwnWay ? .replicated : nil)
  }

  /// Whether gradients are compressed between hosts.
  fileprivate var isCompressed: Bool { compression.name != WholeGradient(as: .full).name }

  /// The option that compresses gradients, as the user would write it.
  fileprivate var compressionWords: String {
    compress.map { "--compress \($0.name)" } ?? "--wire-format \(wireFormat)"
  }

  /// Whether a step needs a norm of the whole gradient before it can update weights.
  fileprivate var needsFigures: Bool { learning.clip != nil || learning.optimizer == .lars }
}
