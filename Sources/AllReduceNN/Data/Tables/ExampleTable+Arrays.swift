extension ExampleTable {
  /// Takes arrays of NumPy: inputs, an example a row, and targets, one each.
  ///
  /// Bytes are divided by 255; rows of numbers are scaled as a table's columns are; images and the like, with more
  /// dimensions, stay as they are.
  ///
  /// - Parameters:
  ///   - inputs: `[count, ...]`.
  ///   - targets: `[count]`, or for numbers also `[count, width]`; nil for none.
  ///   - names: The files of both, for messages.
  ///   - choice: The kind of the targets, and the format that a training run's own examples had.
  /// - Throws: ``DataError`` if they do not fit each other, or a number is not finite.
  package init(
    _ inputs: NumberArray<Element>, _ targets: NumberArray<Double>?,
    names: (inputs: String, targets: String), _ choice: ColumnChoice
  ) throws(DataError) {
    let sizes = inputs.sizes
    guard let count = sizes.first, count > 0, sizes.count <= Shape.mostDimensions else {
      throw DataError(
        file: names.inputs, expected: "inputs of [examples, ...]", found: "\(sizes)",
        advice: "give it the examples as its first dimension")
    }
    if !inputs.isBytes { try inputs.requireFinite(names.inputs) }
    file = names.inputs
    self.count = count
    let example = Shape(sizes.count == 1 ? [1] : Array(sizes.dropFirst()))
    shape = example
    notes = []
    self.inputs = inputs.elements
    var format = choice.format ?? ExampleFormat()
    if choice.format == nil, inputs.isBytes { format.inputs = .divided(by: 255) }
    if let scaling = format.inputs {
      try scaling.requireFit(example, names.inputs)
      scaling.apply(to: &self.inputs, width: example.count)
      origins = nil
    } else {
      origins =
        choice.format == nil && example.rank == 1
        ? [Double](repeating: 0, count: example.count) : nil
    }
    guard let targets else {
      (self.targets, self.format) = (.none, format)
      return
    }
    format.target = names.targets
    self.format = format
    self.targets = try ExampleTable.targets(targets, count: count, names.targets, choice.kind)
  }

  /// The targets that an array has.
  ///
  /// - Throws: ``DataError`` if they are not one for each example, or not of the kind.
  static func targets(
    _ targets: NumberArray<Double>, count: Int, _ name: String, _ kind: ColumnChoice.Kind
  ) throws(DataError) -> Targets {
    guard targets.sizes.first == count else {
      throw DataError(
        file: name, expected: "a target for each of \(count) examples",
        found: "\(targets.sizes)", advice: "take both from the same data")
    }
    try targets.requireFinite(name)
    let width = targets.elements.count / count
    switch kind {
    case .numbers: return .numbers(targets.elements, shape: [width])
    case .classes:
      guard width == 1 else {
        throw DataError(
          file: name, expected: "a class each, [\(count)]", found: "\(targets.sizes)",
          advice: "give numbers of classes, in Python by array.argmax(axis=1)")
      }
      if let row = targets.elements.firstIndex(where: {
        $0 != $0.rounded() || !(0..<1_048_576).contains($0)
      }) {
        throw DataError(
          file: name, expected: "a class, 0, 1, 2, ...",
          found: "\(targets.elements[row]) in row \(row) (from 0)",
          advice: "number the classes from 0, or predict numbers with the loss meanSquaredError")
      }
      return .classes(targets.elements.map { Int32($0) }, names: nil)
    }
  }

  /// Reads a pair of NPY files.
  ///
  /// - Parameters:
  ///   - path: The inputs, `[count, ...]`.
  ///   - choice: Its target is the path of the other file; nil for inputs alone.
  /// - Throws: ``DataError``.
  package init(npy path: String, _ choice: ColumnChoice) throws(DataError) {
    var targets: NumberArray<Double>?
    if let target = choice.target { targets = try NumberArray<Double>(npy: target) }
    try self.init(
      NumberArray(npy: path), targets, names: (path, choice.target ?? path), choice)
  }

  /// Reads arrays of an NPZ file.
  ///
  /// - Parameters:
  ///   - path: The file.
  ///   - inputs: The name of the inputs; nil where only one array is left.
  ///   - choice: Its target is the name of an array; nil for inputs alone.
  /// - Throws: ``DataError``.
  package init(npz path: String, inputs: String? = nil, _ choice: ColumnChoice) throws(DataError) {
    let file = try NPZFile(path: path)
    let left = file.names.filter { $0 != choice.target }
    guard let name = inputs ?? (left.count == 1 ? left[0] : nil) else {
      throw DataError(
        file: path, expected: "one array of inputs beside the targets",
        found: left.isEmpty ? "none" : left.prefix(12).joined(separator: ", "),
        advice: "keep two arrays in it, inputs and targets: numpy.savez(file, x=..., y=...)")
    }
    var targets: NumberArray<Double>?
    if let target = choice.target { targets = try file.array(target) }
    try self.init(
      file.array(name), targets,
      names: ("\(path), array \(name)", choice.target.map { "\(path), array \($0)" } ?? path),
      choice)
  }
}
