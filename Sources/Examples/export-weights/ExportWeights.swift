import AllReduce
import ArgumentParser
import ExampleSupport

/// Writes the weights of a trained network in a file that PyTorch can load.
@main
struct ExportWeights: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export-weights",
    abstract: "Writes the weights of a state as PyTorch's load_state_dict takes them.",
    discussion: """
      Names are those of torch.nn.Sequential with the same layers in a row, Flatten among them; weights of \
      convolutions, and of the dense layer after Flatten, have channels before height and width. It needs no MPI.

        .build/release/export-weights --state state --output network.safetensors

      Ends with 0; 64 for wrong usage; 65 for a damaged state; 70 for any other failure.
      """,
    version: ProgramVersion.text)

  @Option(
    help: ArgumentHelp(
      "The state of a training run: the folder of --checkpoint, whose best state is used if there is one, or a file "
        + "in it.", valueName: "state"))
  var state: String

  @Option(help: ArgumentHelp("The safetensors file to write.", valueName: "file"))
  var output: String

  @Option(
    help: ArgumentHelp(
      "A JSON file with the names that tensors get: {\"0\": \"features.0\"} (default: as "
        + "torch.nn.Sequential names them).",
      valueName: "file"))
  var weightsNames: String?

  static func main() {
    ProgramMain.runAlone(ExportWeights.self) { command, console in try command.run(console) }
  }

  private func run(_ console: RankConsole) throws {
    let kept = try CheckpointReader.open(state: state)
    for note in kept.notes { console.note(note) }
    guard let text = kept.state.layerWords, let words = try? NetworkWords(text) else {
      throw DataError(
        file: kept.path, expected: "the layers of the network, as train-classifier keeps them",
        found: "none", advice: "export it in the program that made the network")
    }
    let shape = Shape(kept.state.examples?.shape ?? words.input)
    let network = try Network(Sequential<Float>(words.layers(for: shape)), input: shape)
    try network.load(weights: kept.path)
    try network.export(
      weights: output, names: weightsNames.map { try WeightFile<Float>.names(in: $0) } ?? [:])
    console.note("\(network.parameterCount.grouped) parameters of \(kept.path) are in \(output).")
  }
}
