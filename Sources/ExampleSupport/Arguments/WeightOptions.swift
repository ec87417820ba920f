public import AllReduce
public import ArgumentParser

/// The options for weights that another program wrote.
public struct WeightOptions: ParsableArguments {
  /// The file.
  @Option(
    help: ArgumentHelp(
      "A safetensors file with the initial weights, of this library or of PyTorch's state_dict.",
      valueName: "file"))
  public var weights: String?

  /// The file of its names.
  @Option(
    help: ArgumentHelp(
      "A JSON file with the names of the file's tensors: {\"0\": \"features.0\"} (default: as "
        + "torch.nn.Sequential names them).",
      valueName: "file"))
  public var weightsNames: String?

  /// The order of its elements.
  @Option(
    help: ArgumentHelp(
      "channelsFirst, as PyTorch has them, or channelsLast (default: as the file says or shows).",
      valueName: "layout"))
  public var weightsLayout: WeightsLayout?

  /// The place of an image's channels among its dimensions.
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

  /// Opens the file. For one rank.
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

  /// Gives a network that each rank has the weights, if there are any. Collective.
  ///
  /// - Parameters:
  ///   - network: It has memory.
  ///   - root: Its layers.
  ///   - world: All ranks.
  /// - Throws: ``AgreedError`` of a ``DataError``.
  public func load(
    into network: Network<Float>, of root: any Layer<Float>, over world: Communicator
  ) throws {
    guard weights != nil else { return }
    try world.loadWeights(into: network.stateTensors) {
      try open(for: root, input: network.inputShape)
    }
  }

  /// Gives a trainer the weights before its first step, if there are any. Collective.
  ///
  /// - Parameters:
  ///   - trainer: The trainer that begins with them.
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
