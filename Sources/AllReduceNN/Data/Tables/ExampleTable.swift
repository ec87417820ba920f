/// The roles of a file's columns or arrays: which is the target, which are ignored; the others are inputs.
package struct ColumnChoice: Sendable {
  /// The kind of the targets.
  package enum Kind: Sendable {
    case classes, numbers
  }

  /// The target: a column, by its name or its number from 1, or an array or a file; nil if only inputs are wanted.
  package var target: String?
  /// The kind of the targets.
  package var kind: Kind
  /// The columns that are ignored, by their names or numbers.
  package var ignored: [String]
  /// How a training run read its examples, if this file is to be read in the same way; otherwise nil.
  package var format: ExampleFormat?

  /// Creates a choice of the target and of the columns that are ignored.
  package init(
    target: String?, _ kind: Kind = .classes, ignoring ignored: [String] = [],
    like format: ExampleFormat? = nil
  ) {
    (self.target, self.kind, self.ignored, self.format) = (target, kind, ignored, format)
  }
}

/// The examples of a file: inputs, and targets if they are wanted.
package struct ExampleTable<Element: NetworkScalar>: Sendable {
  /// The targets of the examples.
  package enum Targets: Sendable {
    case none
    /// One class per example; the names are nil if the classes have only numbers.
    case classes([Int32], names: [String]?)
    /// The numbers of all targets, example by example, and the shape of one target.
    case numbers([Double], shape: Shape)
  }

  /// The path of the file.
  package let file: String
  /// How to read other examples in the same way, as far as it is known; the scaling is added by
  /// ``datasets(test:testShare:seed:limit:)``.
  package internal(set) var format: ExampleFormat
  /// The number of examples.
  package let count: Int
  /// The shape of an input.
  package let shape: Shape
  /// The inputs, example by example, less `origins` unless that is nil.
  package internal(set) var inputs: [Element]
  /// The number that was subtracted from each column: the number in the first row (0 for arrays), so that small
  /// differences between large numbers are not rounded away. Nil if the inputs need no further scaling.
  let origins: [Double]?
  /// The targets.
  package internal(set) var targets: Targets
  /// Remarks for the user on how the file was read.
  package let notes: [String]
}

extension ExampleTable {
  /// Makes a training set and a test set of the examples.
  ///
  /// Inputs of a table are scaled to mean 0 and standard deviation 1 over the training rows, and so are targets that
  /// are numbers.
  ///
  /// - Parameters:
  ///   - test: Reads test examples in the format of this table, or returns nil; called only if `testShare` is 0.
  ///   - testShare: The share of these examples that is drawn for the test; 0 to draw none.
  ///   - seed: The seed of the random draw.
  ///   - limit: The largest number of training examples; nil for no limit.
  /// - Returns: Both sets, and how the examples were read.
  /// - Throws: ``DataError`` if there are too few examples, or if the examples of the two sets have different shapes.
  package mutating func datasets(
    test: (ExampleFormat) throws -> ExampleTable? = { _ in nil }, testShare: Double, seed: UInt64,
    limit: Int? = nil
  ) throws -> TrainingData {
    let draw = try ExampleDraw(
      of: count, testShare: testShare, seed: seed, limit: limit, file: file)
    let (learned, tested) = (draw.learned, draw.tested)
    scale(over: learned)
    var other = try testShare > 0 ? nil : test(format)
    other?.scale(over: [])
    let set = dataset(learned, name: file, classes: other?.largestClass)
    let held =
      try other.map { other in
        guard other.shape == shape else {
          throw DataError(
            file: other.file, expected: "examples of \(shape), as in \(file)",
            found: "\(other.shape)", advice: "take both from the same collection")
        }
        return other.dataset(
          (0..<other.count).map { Int32($0) }, name: other.file, classes: largestClass)
      } ?? dataset(tested, name: "\(file), rows to test on", classes: nil)
    var data = TrainingData(alike: set, held)
    data.format = format
    data.notes = notes + (other?.notes ?? [])
    return data
  }

  /// The largest class number; nil if targets are not classes.
  private var largestClass: Int? {
    guard case .classes(let labels, _) = targets else { return nil }
    return labels.max().map { Int($0) }
  }

  private mutating func scale(over rows: [Int32]) {
    let width = shape.count
    if let origins, format.inputs == nil, width > 0 {
      let scaling = Scaling(
        of: inputs, width: width, rows: rows, origins: origins)
      scaling.apply(to: &inputs, width: width, origins: origins)
      format.inputs = scaling
    }
    guard case .numbers(var values, let shape) = targets, shape.count > 0 else { return }
    let scaling =
      format.targets
      ?? Scaling(
        of: values, width: shape.count, rows: rows,
        origins: [Double](repeating: 0, count: shape.count))
    for index in values.indices {
      values[index] = scaling.scaled(values[index], column: index % shape.count)
    }
    format.targets = scaling
    targets = .numbers(values, shape: shape)
  }

  private func dataset(_ rows: [Int32], name: String, classes: Int?) -> any Dataset {
    switch targets {
    case .none:
      ArrayDataset(
        name: name, shape: shape, inputs: inputs,
        StoredTargets(
          labels: [Int32](repeating: 0, count: count), classCount: 1, values: [], valueShape: nil),
        rows: rows)
    case .classes(let labels, let names):
      ArrayDataset(
        name: name, shape: shape, inputs: inputs,
        StoredTargets(
          labels: labels,
          classCount: max(
            names?.count ?? 0, format.classes?.count ?? 0, (largestClass ?? 0) + 1,
            (classes ?? 0) + 1), values: [], valueShape: nil), rows: rows)
    case .numbers(let values, let shape):
      ArrayDataset(
        name: name, shape: self.shape, inputs: inputs,
        StoredTargets(
          labels: [], classCount: 0, values: values.map { Element($0) }, valueShape: shape),
        rows: rows)
    }
  }
}
