extension TrainingData {
  /// Reads a table in which one column is to be predicted: a class, or a number.
  ///
  /// The test rows are drawn at random, or come from another file. Inputs are scaled to mean 0 and standard deviation 1
  /// over the training rows, and so are targets that are numbers: a loss of 1 is then the loss of always predicting
  /// their mean. Classes are whole numbers from 0 on, or words, which are numbered in the order of their characters.
  /// Each process keeps the whole table in memory, as `Scalar`s.
  ///
  /// - Parameters:
  ///   - path: A CSV file with numbers in all input columns. A first column without a name that counts the rows, or has
  ///     words, is ignored.
  ///   - target: The column to predict: its name, or its number from 1.
  ///   - predictsNumbers: Whether the target is a number and not a class.
  ///   - test: A file of test rows with the same columns; nil to draw the test rows from `path`.
  ///   - testShare: The share of the rows that is drawn for the test, above 0 and below 1.
  ///   - seed: The seed of the random draw.
  ///   - type: The type in which numbers are stored.
  /// - Throws: ``DataError`` with the line and the column of the error.
  public init<Scalar: NetworkScalar>(
    csv path: String, target: String, predictsNumbers: Bool = false, test: String? = nil,
    testShare: Double = 0.2, seed: UInt64 = 1, as type: Scalar.Type = Float.self
  ) throws {
    TrainingData.check(testShare)
    let kind: ColumnChoice.Kind = predictsNumbers ? .numbers : .classes
    var table = try ExampleTable<Scalar>(csv: path, ColumnChoice(target: target, kind))
    self = try table.datasets(
      test: { format in
        try test.map { test in
          try ExampleTable<Scalar>(
            csv: test, ColumnChoice(target: format.target ?? target, kind, like: format))
        }
      }, testShare: test == nil ? testShare : 0, seed: seed)
  }

  /// Reads two NPY files of NumPy: one with the inputs, one example per row, and one with the targets.
  ///
  /// Bytes are divided by 255. Rows of other numbers are scaled as the columns of a table are, to mean 0 and standard
  /// deviation 1 over the training rows; images of other numbers are not scaled. Files may have any little-endian
  /// integer type, booleans, `f4` or `f8`. Each process keeps all numbers in memory, as `Scalar`s.
  ///
  /// - Parameters:
  ///   - path: The file of the inputs: `[count, width]`, or images, `[count, height, width, channels]`.
  ///   - targets: The file of the targets: numbers of classes from 0 on, `[count]`, or numbers to predict, `[count]` or
  ///     `[count, width]`.
  ///   - predictsNumbers: Whether targets are numbers and not classes.
  ///   - testShare: The share of the examples that is drawn for the test, above 0 and below 1.
  ///   - seed: The seed of the random draw.
  ///   - fromDisk: Whether inputs are read from the disk when a batch needs them, so that they need not fit into
  ///     memory.
  ///   - type: The type in which numbers are stored.
  /// - Throws: ``DataError`` that names the file and, for a number that is not finite, its row.
  public init<Scalar: NetworkScalar>(
    npy path: String, targets: String, predictsNumbers: Bool = false, testShare: Double = 0.2,
    seed: UInt64 = 1, fromDisk: Bool = false, as type: Scalar.Type = Float.self
  ) throws {
    TrainingData.check(testShare)
    let choice = ColumnChoice(target: targets, predictsNumbers ? .numbers : .classes)
    if fromDisk {
      try self.init(mapping: path, targets: targets, choice.kind, testShare: testShare, seed: seed)
      return
    }
    var table = try ExampleTable<Scalar>(npy: path, choice)
    self = try table.datasets(testShare: testShare, seed: seed)
  }

  /// Creates a training set and a test set from examples in memory, which are not scaled.
  ///
  /// - Parameters:
  ///   - inputs: The inputs, `[count, ...]`; copied.
  ///   - targets: The target of each example: a class from 0 on, or numbers, `[count, ...]`.
  ///   - testShare: The share of the examples that is drawn for the test, above 0 and below 1.
  ///   - seed: The seed of the random draw.
  /// - Throws: ``DataError`` if there are fewer than two examples, or if a class is below 0.
  public init<Scalar: NetworkScalar>(
    _ inputs: Tensor<Scalar>, _ targets: Targets<Scalar>, testShare: Double = 0.2,
    seed: UInt64 = 1
  ) throws {
    TrainingData.check(testShare)
    var table = try ExampleTable(inputs, targets)
    self = try table.datasets(testShare: testShare, seed: seed)
  }

  /// Same as ``init(npy:targets:predictsNumbers:testShare:seed:fromDisk:as:)``, but the inputs stay in their file.
  package init(
    mapping path: String, targets: String, _ kind: ColumnChoice.Kind, testShare: Double,
    seed: UInt64, limit: Int? = nil
  ) throws {
    let file = try MappedArray(npy: path)
    let array = try NumberArray<Double>(npy: targets)
    let known = try ExampleTable<Double>.targets(array, count: file.count, targets, kind)
    let draw = try ExampleDraw(
      of: file.count, testShare: testShare, seed: seed, limit: limit, file: path)
    var counts = [Bool](repeating: false, count: file.count)
    for row in draw.learned { counts[Int(row)] = true }
    var format = ExampleFormat(target: targets)
    if file.isBytes {
      format.inputs = .divided(by: 255)
    } else {
      // One pass over the file, which also finds numbers that are not finite.
      let scaling = try file.scaling(path, counting: counts)
      if file.exampleShape.rank == 1 { format.inputs = scaling }
    }
    var (labels, values, shape) = ([Int32](), [Double](), nil as Shape?)
    switch known {
    case .classes(let classes, _): labels = classes
    case .numbers(let numbers, let width):
      let scaling = Scaling(
        of: numbers, width: width.count, rows: draw.learned,
        origins: [Double](repeating: 0, count: width.count))
      values = numbers.enumerated().map { scaling.scaled($1, column: $0 % width.count) }
      (format.targets, shape) = (scaling, width)
    case .none: break
    }
    func set(_ rows: [Int32], _ name: String) -> MappedDataset {
      MappedDataset(
        name: name, file, format.inputs,
        StoredTargets(
          labels: labels, classCount: shape == nil ? Int(labels.max() ?? 0) + 1 : 0,
          values: values, valueShape: shape), rows: rows)
    }
    self.init(alike: set(draw.learned, path), set(draw.tested, "\(path), rows to test on"))
    self.format = format
  }

  private static func check(_ testShare: Double) {
    precondition(testShare > 0 && testShare < 1, "a share of \(testShare) is not between 0 and 1")
  }
}

extension ExampleTable {
  /// Creates a table from examples in memory.
  init(_ inputs: Tensor<Element>, _ targets: AllReduceNN.Targets<Element>) throws(DataError) {
    file = "examples in memory"
    (count, shape, notes, origins) = (inputs.rows, inputs.shape.example, [], nil)
    self.inputs = inputs.elements
    switch targets {
    case .classes(let labels):
      precondition(
        labels.count == inputs.rows,
        "\(inputs.rows) examples cannot have \(labels.count) classes")
      if let row = labels.firstIndex(where: { $0 < 0 }) {
        throw DataError(
          file: file, expected: "classes from 0 on", found: "\(labels[row]) in row \(row)",
          advice: "number the classes from 0")
      }
      self.targets = .classes(labels, names: nil)
      format = ExampleFormat()
    case .values(let values):
      precondition(
        values.shape.rank > 0 && values.rows == inputs.rows,
        "\(inputs.rows) examples cannot have targets of \(values.shape)")
      let shape = values.shape.rank == 1 ? [1] : values.shape.example
      self.targets = .numbers(values.elements.map { Double($0) }, shape: shape)
      format = ExampleFormat(targets: Scaling(means: [0], deviations: [1]))
    }
  }
}
