public import AllReduce

/// A user's own examples: a CSV table, a pair of NPY files, or the arrays of an NPZ file.
public struct OwnData: Sendable {
  /// The file with the examples, or with their inputs.
  public var path: String
  /// Where the targets are: a column of a CSV file, another NPY file, or an array of an NPZ file.
  public var target: String?
  /// Whether the targets are numbers rather than classes.
  public var predictsNumbers = false
  /// The columns of a CSV file to ignore.
  public var ignored: [String] = []
  /// The name of the array of inputs in an NPZ file.
  public var inputs: String?
  /// The share of the examples that is drawn for the test set; nil for a fifth.
  public var testShare: Double?
  /// The file with the test examples; nil if they are drawn from the examples.
  public var test: String?
  /// The file with the targets of the test examples, where they are in a file of their own.
  public var testTarget: String?
  /// The largest number of examples to train on; nil for all.
  public var limit: Int?
  /// Whether the inputs of an NPY file stay on disk and are read when they are needed.
  public var fromDisk = false
  /// The seed of the random choice of the test examples.
  public var seed: UInt64 = 1

  /// Creates the description of examples in the file at `path`.
  public init(path: String) { self.path = path }

  /// A kind of data file.
  public enum Kind: Sendable {
    case csv, npy, npz
  }

  /// Returns the kind of a file by its name; nil if it is none of these kinds.
  public static func kind(of path: String) -> Kind? {
    let name = path.hasSuffix(".gz") ? String(path.dropLast(3)) : path
    for (ending, kind) in [(".csv", Kind.csv), (".npy", .npy), (".npz", .npz)]
    where name.lowercased().hasSuffix(ending) {
      return kind
    }
    return nil
  }

  /// Reads the examples. Every rank that calls this reads all of them.
  ///
  /// - Returns: The examples to train on and those to test on.
  /// - Throws: ``DataError``.
  public func read() throws -> TrainingData {
    let kind: ColumnChoice.Kind = predictsNumbers ? .numbers : .classes
    if fromDisk, let target {
      return try TrainingData(
        mapping: path, targets: target, kind, testShare: testShare ?? 0.2, seed: seed, limit: limit)
    }
    func table(
      _ path: String, _ target: String?, _ inputs: String?, like format: ExampleFormat?
    ) throws -> ExampleTable<Float> {
      let choice = ColumnChoice(
        target: target, kind, ignoring: format == nil ? ignored : [], like: format)
      switch OwnData.kind(of: path) {
      case .npy: return try ExampleTable(npy: path, choice)
      case .npz: return try ExampleTable(npz: path, inputs: inputs, choice)
      case .csv, nil: return try ExampleTable(csv: path, choice)
      }
    }
    // Keras's own files name their arrays like this.
    let names =
      target == nil && OwnData.kind(of: path) == .npz ? try NPZFile(path: path).names : []
    let isSplit = Set(["x_train", "y_train", "x_test", "y_test"]).isSubset(of: names)
    if isSplit {
      var examples = try table(path, "y_train", "x_train", like: nil)
      return try examples.datasets(
        test: { try table(path, "y_test", "x_test", like: $0) }, testShare: 0, seed: seed,
        limit: limit)
    }
    var examples = try table(path, target, inputs, like: nil)
    return try examples.datasets(
      test: { format in
        try test.map { test in
          let target =
            OwnData.kind(of: test) == .npy ? testTarget : testTarget ?? format.target ?? target
          return try table(test, target, inputs, like: format)
        }
      }, testShare: test == nil ? testShare ?? 0.2 : 0, seed: seed, limit: limit)
  }
}
