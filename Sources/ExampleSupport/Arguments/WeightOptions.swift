public import AllReduce
public import ArgumentParser

/// The options for initial weights that another program wrote.
public struct WeightOptions: ParsableArguments {
  /// The safetensors file with the initial weights; nil if none is given.
  @Option(
    help: ArgumentHelp(
      "A safetensors file with the initial weights, of this library or of PyTorch's state_dict.",
      valueName: "file"))
  public var weights: String?

  /// The JSON file with the names of the tensors in the file of weights; nil for those of torch.nn.Sequential.
  @Option(
    help: ArgumentHelp(
      "A JSON file with the names of the file's tensors: {\"0\": \"features.0\"} (default: as "
        + "torch.nn.Sequential names them).",
      valueName: "file"))
  public var weightsNames: String?

  /// The layout of the tensors in the file of weights; nil for what the file says or shows.
  @Option(
    help: ArgumentHelp(
      "channelsFirst, as PyTorch has them, or channelsLast (default: as the file says or shows).",
      valueName: "layout"))
  public var weightsLayout: WeightsLayout?

  /// Where the channels of an image stand among its dimensions: before or after height and width.
  public enum WeightsLayout: String, CaseIterable, Sendable, ExpressibleByArgument {
    case channelsFirst, channelsLast
  }

  /// Creates the options with their defaults.
  public init() {}

  /// Checks these options against each other.
  public func validate() throws {
    guard weights == nil else { return }
    if weightsNames != nil || weightsLayout != nil {
      throw ValidationError(
        "--\(weightsNames != nil ? "weights-names" : "weights-layout") needs --weights FILE.")
    }
  }

  /// Opens the file of weights on the calling rank alone.
  ///
  /// - Throws: ``DataError``.
  private func open(
    for root: any Layer<Float>, input: Shape
  ) throws -> WeightFile<Float> {
    try WeightFile(
      weights ?? "", for: root, input: input,
      names: weightsNames.map { try WeightFile<Float>.names(in: $0) } ?? [:],
      channelsFirst: weightsLayout.map { $0 == .channelsFirst })
  }

  /// Loads the file's weights into a network on every rank, if a file was given. Collective.
  ///
  /// - Parameters:
  ///   - network: The network, whose parameters must already have memory.
  ///   - root: The layers of the network.
  ///   - world: The communicator of all ranks.
  /// - Throws: ``AgreedError`` of a ``DataError``.
  public func load(
    into network: Network<Float>, of root: any Layer<Float>, over world: Communicator
  ) throws {
    guard weights != nil else { return }
    try world.loadWeights(into: network.stateTensors) {
      try open(for: root, input: network.inputShape)
    }
  }

  /// Loads the file's weights into a trainer before its first step, if a file was given. Collective.
  ///
  /// - Parameters:
  ///   - trainer: The trainer that starts with these weights.
  ///   - root: The layers of the whole network.
  ///   - input: The shape of an example's input.
  /// - Throws: ``AgreedError`` of a ``DataError``.
  public func load(
    into trainer: Trainer<Float>, of root: any Layer<Float>, input: Shape
  ) throws {
    guard weights != nil else { return }
    try trainer.load { try open(for: root, input: input) }
  }
}
