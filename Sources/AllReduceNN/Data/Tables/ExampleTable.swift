/// The roles of a file's columns or arrays.
package struct ColumnChoice: Sendable {
  /// The kind of a target.
  package enum Kind: Sendable {
    case classes, numbers
  }

  /// The target's column, by its name or its number from 1; nil where only inputs are wanted.
  package var target: String?
  /// The kind of the target.
  package var kind: Kind
  /// Columns that are passed over, by name or number.
  package var ignored: [String]
  /// How a training run read its examples, where others are to be read alike.
  package var format: ExampleFormat?

  /// Chooses the target, and the other columns that are not inputs.
  package init(
    target: String?, _ kind: Kind = .classes, ignoring ignored: [String] = [],
    like format: ExampleFormat? = nil
  ) {
    (self.target, self.kind, self.ignored, self.format) = (target, kind, ignored, format)
  }
}

/// Examples as a file has them: inputs, and targets if they are wanted.
package struct ExampleTable<Element: NetworkScalar>: Sendable {
  /// The kind of the targets.
  package enum Targets: Sendable {
    case none
    /// A class each; the names are nil where the numbers are all.
    case classes([Int32], names: [String]?)
    /// Row by row.
    case numbers([Double], shape: Shape)
  }

  /// The file.
  package let file: String
  /// How to read others alike, as far as it is known: scaling comes later.
  package internal(set) var format: ExampleFormat
  /// The number of examples.
  package let count: Int
  /// The shape of an input.
  package let shape: Shape
  /// Inputs, example by example; from each column its origin was taken, if there are any.
  package internal(set) var inputs: [Element]
  /// The first row's numbers, which are taken from all rows', so that a small difference of large numbers is kept.
  let origins: [Double]?
  /// The targets.
  package internal(set) var targets: Targets
  /// Remarks for the user on how the file was read.
  package let notes: [String]
}

extension ExampleTable {
  /// Makes data sets of the examples: those to learn from, and those to be tested on.
  ///
  /// Inputs of a table are scaled to mean 0 and deviation 1 over the rows that are learned from, and so are targets
  /// that are numbers.
  ///
  /// - Parameters:
  ///   - test: Examples to be tested on; nil to draw them from these.
  ///   - testShare: The share that is drawn for the test.
  ///   - seed: The seed of the random draw.
  ///   - limit: The largest number of examples to learn from.
  /// - Returns: Both sets, and how they were read.
  /// - Throws: ``DataError`` if there are too few, or both parts differ.
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

  /// The largest number of a class; nil where targets are numbers.
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
