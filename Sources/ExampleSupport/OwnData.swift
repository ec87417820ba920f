public import AllReduce

/// Examples of a user's own: a table, a pair of NumPy's files, or a file of its arrays.
public struct OwnData: Sendable {
  /// The file.
  public var path: String
  /// The target: a column, the other file, or an array's name.
  public var target: String?
  /// Whether targets are numbers and not classes.
  public var predictsNumbers = false
  /// Columns that are passed over.
  public var ignored: [String] = []
  /// The array of inputs, of an NPZ file.
  public var inputs: String?
  /// The share of the examples that is drawn for the test; nil for a fifth.
  public var testShare: Double?
  /// The examples to be tested on.
  public var test: String?
  /// Their targets, where these are a file of their own.
  public var testTarget: String?
  /// The largest number of examples to learn from.
  public var limit: Int?
  /// Whether inputs of an NPY file stay there, and are read as they are asked for.
  public var fromDisk = false
  /// The seed of the draw of the test's examples.
  public var seed: UInt64 = 1

  /// Names the file.
  public init(path: String) { self.path = path }

  /// A kind of file.
  public enum Kind: Sendable {
    case csv, npy, npz
  }

  /// The kind of a file by its name; nil for none of them.
  public static func kind(of path: String) -> Kind? {
    let name = path.hasSuffix(".gz") ? String(path.dropLast(3)) : path
    for (ending, kind) in [(".csv", Kind.csv), (".npy", .npy), (".npz", .npz)]
    where name.lowercased().hasSuffix(ending) {
      return kind
    }
    return nil
  }

  /// Reads the examples, all of them on each rank that calls it.
  ///
  /// - Returns: Those to learn from, and those to be tested on.
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
    // As Keras's own files have them.
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
