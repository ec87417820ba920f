import AllReduce
import ArgumentParser
import ExampleSupport

/// The file format in which predictions are written.
enum PredictionFormat: String, CaseIterable, ExpressibleByArgument {
  case csv, json, npy
}

/// The command line of predict.
struct PredictOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The state of a training run: the folder of --checkpoint, whose best state is used if there is one, or a file "
        + "in it.", valueName: "state"))
  var state: String?

  @Option(
    help: ArgumentHelp(
      "The layers of a network without a state, as train-classifier takes them.", valueName: "words"
    ))
  var layers: String?

  @OptionGroup var weights: WeightOptions

  @Option(
    help: ArgumentHelp(
      "The input: FILE.csv, with the columns of the training in any order; FILE.npy; or - for a table on "
        + "standard input.", valueName: "file"))
  var data: String

  @Option(
    help: ArgumentHelp("The output file; - for standard output.", valueName: "file"))
  var output = "-"

  @Option(help: "csv, json or npy (default: as --output ends, else csv).")
  var format: PredictionFormat?

  @Flag(help: "Also writes the probability of each class.")
  var probabilities = false

  @Option(help: ArgumentHelp("Rows that a rank computes at once.", valueName: "rows"))
  var batchSize = 256

  /// The format of the output: the given one, or that of the output file's extension, or CSV.
  var writtenFormat: PredictionFormat {
    format ?? PredictionFormat.allCases.first { output.hasSuffix(".\($0.rawValue)") } ?? .csv
  }

  func validate() throws {
    guard (state == nil) != (layers == nil) else {
      throw ValidationError(
        "Give the network: --state STATE, or --layers WORDS with --weights FILE.safetensors.")
    }
    if layers != nil, weights.weights == nil {
      throw ValidationError("--layers needs --weights FILE.safetensors.")
    }
    if state != nil, weights.weights != nil {
      throw ValidationError("--state has weights: leave out --weights.")
    }
    try weights.validate()
    if output == "-", writtenFormat == .npy {
      throw ValidationError(
        "--format npy needs --output FILE: mpirun changes bytes on the way to standard output.")
    }
    try OptionBounds.check("batch-size", batchSize, in: 1...1 << 20)
    do { _ = try layers.map { try NetworkWords($0) } } catch { throw ValidationError("\(error)") }
  }
}
