import AllReduce
import ArgumentParser
import ExampleSupport

/// The losses that a command line can name.
enum LossName: String, CaseIterable, ExpressibleByArgument {
  case crossEntropy, meanSquaredError
}

/// The options for the user's own data, instead of a collection of images.
struct DataOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The target in a --data file: a column of FILE.csv, by name or number; the file of the targets "
        + "of FILE.npy; an array of FILE.npz.", valueName: "column"))
  var target: String?

  @Option(
    help: ArgumentHelp(
      "Columns of FILE.csv to ignore, separated by commas.", valueName: "columns"))
  var ignore: String?

  @Option(
    help: ArgumentHelp(
      "The array of FILE.npz that has the inputs, if it has several.", valueName: "array"))
  var inputs: String?

  @Option(
    help: ArgumentHelp(
      "The share of the rows that is drawn for the test (default: 0.2).", valueName: "share"))
  var testShare: Double?

  @Option(
    help: ArgumentHelp(
      "A file of the same kind to test on, in place of a share.", valueName: "file"))
  var testData: String?

  @Option(
    help: ArgumentHelp(
      "The targets of a --test-data FILE.npy.", valueName: "file"))
  var testTarget: String?

  @Flag(
    help:
      "Reads the inputs of FILE.npy from the disk as they are needed: they need not fit into memory."
  )
  var fromDisk = false

  @Option(
    help:
      "The loss to minimise: crossEntropy, for classes; meanSquaredError, for numbers (default: crossEntropy)."
  )
  var loss: LossName?

  /// The names of those of these options that were given, for error messages.
  var given: [String] {
    [
      ("target", target != nil), ("ignore", ignore != nil), ("inputs", inputs != nil),
      ("test-share", testShare != nil), ("test-data", testData != nil),
      ("test-target", testTarget != nil), ("from-disk", fromDisk),
      ("loss", loss == .meanSquaredError),
    ].filter(\.1).map(\.0)
  }

  /// Whether the network predicts numbers rather than classes.
  var predictsNumbers: Bool { loss == .meanSquaredError }

  /// Checks these options against `--data`.
  func validate(_ data: String?) throws {
    try OptionBounds.check("test-share", testShare, below: 1, isOpen: true)
    guard let data, let kind = OwnData.kind(of: data) else {
      if let first = given.first {
        throw ValidationError(
          "--\(first) is for data of your own: --data FILE.csv, FILE.npy or FILE.npz.")
      }
      return
    }
    if testData != nil, testShare != nil {
      throw ValidationError("--test-data and --test-share both say what is tested on: give one.")
    }
    switch kind {
    case .csv where target == nil:
      throw ValidationError(
        "--data \(data) needs --target COLUMN: the name or number of the column to be predicted.")
    case .npy where target == nil:
      throw ValidationError("--data \(data) needs --target FILE.npy: the targets.")
    case .npy where testData != nil && testTarget == nil:
      throw ValidationError("--test-data of NPY files needs --test-target FILE.npy.")
    case .npz where target == nil && testData != nil:
      throw ValidationError("--data \(data) needs --target ARRAY: the array of the targets.")
    default: break
    }
    if fromDisk, kind != .npy || testData != nil {
      throw ValidationError(
        "--from-disk works with --data FILE.npy and --test-share alone: leave out --test-data.")
    }
    if kind != .csv, ignore != nil {
      throw ValidationError("--ignore names columns of FILE.csv; \(data) has none.")
    }
    if kind != .npz, inputs != nil {
      throw ValidationError("--inputs names an array of FILE.npz; \(data) has none.")
    }
  }
}

extension ClassifierOptions {
  /// Reads the training and test data that the options name.
  ///
  /// - Throws: ``DataError``.
  func readData() throws -> TrainingData {
    guard let data, OwnData.kind(of: data) != nil else {
      return try TrainingData.named(data, limit: dataLimit, seed: seed)
    }
    var own = OwnData(path: data)
    own.target = self.own.target
    own.predictsNumbers = self.own.predictsNumbers
    own.ignored = self.own.ignore?.split(separator: ",").map(String.init) ?? []
    own.inputs = self.own.inputs
    (own.testShare, own.test, own.testTarget) = (
      self.own.testShare, self.own.testData, self.own.testTarget
    )
    (own.limit, own.seed, own.fromDisk) = (dataLimit, seed, self.own.fromDisk)
    return try own.read()
  }

  /// The loss function to minimise.
  var loss: any Loss<Float> {
    own.predictsNumbers
      ? MeanSquaredError() : SoftmaxCrossEntropy(labelSmoothing: learning.labelSmoothing)
  }
}
