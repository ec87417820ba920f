import AllReduce
import ArgumentParser
import ExampleSupport

/// Predicts classes or numbers with a trained network, on all ranks together.
@main
struct Predict: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "predict",
    abstract: "Predicts classes or numbers with a network that train-classifier trained.",
    discussion: """
      Reads rows as the training did, scaled by the numbers that the state keeps, and writes a prediction for \
      each, in their order. Rank 0 reads and writes; all ranks compute.

        .build/release/predict --state state --data data/breast_cancer.csv --output predictions.csv
        mpirun -np 4 .build/release/predict --state state --data images.npy --format json

      Ends with 0; 64 for wrong usage; 65 for bad data or a damaged state; 70 for any other failure.
      """,
    version: ProgramVersion.text)

  @OptionGroup var options: PredictOptions

  static func main() {
    ProgramMain.run(Predict.self) { command, world, console in
      try command.run(in: world, console)
    }
  }

  private func run(in world: Communicator, _ console: RankConsole) throws {
    let predictor = try makePredictor(in: world, console)
    let rows = try world.agreeing { () throws -> InputRows<Float>? in
      guard world.isRoot else { return nil }
      let rows = try read(predictor.format)
      guard rows.shape.count == predictor.inputShape.count else {
        throw DataError(
          file: rows.file,
          expected: "rows of \(predictor.inputShape.count) numbers, as the network takes",
          found: "\(rows.shape.count)", advice: "give the columns that the network was trained on")
      }
      for note in rows.notes { console.note(note) }
      return rows
    }
    let writer = try world.agreeing {
      try world.isRoot
        ? PredictionWriter(
          options.writtenFormat, to: options.output, predictor.columns(options.probabilities),
          count: rows?.count ?? 0, console) : nil
    }
    try predictor.run(rows, batchSize: options.batchSize) { try writer?.add($0) }
    try world.agreeing { try writer?.finish() }
  }

  private func read(_ format: ExampleFormat) throws -> InputRows<Float> {
    let choice = ColumnChoice(target: nil, like: format)
    let isInput = options.data == "-"
    let path = isInput ? "/dev/stdin" : options.data
    switch OwnData.kind(of: path) {
    case .npy: return try InputRows(npy: path, like: format)
    case .npz: return InputRows(try ExampleTable(npz: path, choice))
    case .csv, nil:
      do {
        return InputRows(try ExampleTable(csv: path, choice, allowsPipes: true))
      } catch let error as DataError where isInput {
        throw error.renamed("standard input")
      }
    }
  }

  private func makePredictor(
    in world: Communicator, _ console: RankConsole
  ) throws -> Predictor {
    guard let folder = options.state else {
      let words = try NetworkWords(options.layers ?? "")
      let root = Sequential<Float>(try world.agreeing { try words.layers(for: Shape(words.input)) })
      let predictor = try Predictor(
        root, input: Shape(words.input), ExampleFormat(), over: world)
      try options.weights.load(into: predictor.network, of: root, over: world)
      return predictor
    }
    let reader = try CheckpointReader(state: folder, over: world)
    for note in reader.notes { console.note(note) }
    let state = reader.state
    let (root, shape) = try world.agreeing { () throws -> (Sequential<Float>, Shape) in
      guard let text = state.layerWords, let words = try? NetworkWords(text) else {
        throw DataError(
          file: folder, expected: "the layers of the network, as train-classifier keeps them",
          found: "none",
          advice: "predict in the program that made the network, with network.load(weights:)")
      }
      let shape = Shape(state.examples?.shape ?? words.input)
      return (Sequential(try words.layers(for: shape)), shape)
    }
    let predictor = try Predictor(
      root, input: shape, state.examples ?? ExampleFormat(), over: world)
    try reader.read(
      into: predictor.network.stateTensors, leavingOut: ["optimizer/", "replicas/"])
    return predictor
  }
}
