extension TrainingData {
  /// Reads a table of which one column is to be predicted: a class, or a number.
  ///
  /// Rows are drawn for the test by a seed, or come from another file. Inputs are scaled to mean 0 and deviation 1 over
  /// the rows that are learned from, and so are targets that are numbers: a loss of 1 is then what their mean, as the
  /// only prediction, has. Classes are whole numbers from 0 on, or words, which are numbered in the order of their
  /// characters. Each process keeps the whole table, as `Scalar`s.
  ///
  /// - Parameters:
  ///   - path: A CSV file with numbers in all columns that are inputs. A first column without a name that counts the
  ///     rows, or has words, is ignored.
  ///   - target: The column to be predicted: its name, or its number from 1.
  ///   - predictsNumbers: Whether the target is a number and not a class.
  ///   - test: A file with the same columns to test on; nil to draw rows.
  ///   - testShare: The share of the rows that is drawn for the test, above 0 and below 1.
  ///   - seed: The seed of the random draw.
  ///   - type: The type in which numbers are kept.
  /// - Throws: ``DataError`` with the line and the column.
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

  /// Reads a pair of NumPy's files: inputs, an example a row, and targets.
  ///
  /// Bytes are divided by 255, rows of numbers are scaled as a table's columns are, and images of other numbers stay as
  /// they are. Numbers of any type are read. Each process keeps all of them, as `Scalar`s.
  ///
  /// - Parameters:
  ///   - path: The inputs: `[count, width]`, or images, `[count, height, width, channels]`.
  ///   - targets: Numbers of classes from 0 on, `[count]`, or numbers to be predicted, `[count]` or `[count, width]`.
  ///   - predictsNumbers: Whether targets are numbers and not classes.
  ///   - testShare: The share of the examples that is drawn for the test, above 0 and below 1.
  ///   - seed: The seed of the random draw.
  ///   - fromDisk: Whether inputs are read from the disk as batches ask for them, so that they need not fit into
  ///     memory.
  ///   - type: The type in which numbers are kept.
  /// - Throws: ``DataError`` that names the file, and for a number that is not finite its row.
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

  /// Takes examples that are in memory, as they are.
  ///
  /// - Parameters:
  ///   - inputs: `[count, ...]`; copied.
  ///   - targets: A class from 0 on, or numbers, `[count, ...]`, for each.
  ///   - testShare: The share of the examples that is drawn for the test, above 0 and below 1.
  ///   - seed: The seed of the random draw.
  /// - Throws: ``DataError`` if there are not two or more examples, or a class is below 0.
  public init<Scalar: NetworkScalar>(
    _ inputs: Tensor<Scalar>, _ targets: Targets<Scalar>, testShare: Double = 0.2,
    seed: UInt64 = 1
  ) throws {
    TrainingData.check(testShare)
    var table = try ExampleTable(inputs, targets)
    self = try table.datasets(testShare: testShare, seed: seed)
  }

  /// Same as ``init(npy:targets:predictsNumbers:testShare:seed:fromDisk:as:)``, with inputs that stay in their file.
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
      // One pass over the file, which also finds what is not finite.
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
  /// Takes what is in memory.
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
