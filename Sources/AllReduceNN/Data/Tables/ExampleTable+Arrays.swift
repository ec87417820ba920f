extension ExampleTable {
  /// Creates a table from arrays of NumPy: inputs, one example per row, and targets, one per example.
  ///
  /// Inputs that are bytes are divided by 255. Other inputs are scaled as the columns of a table are if each example is
  /// a row of numbers; examples with more dimensions, such as images, are not scaled. With the format of a training
  /// run, inputs are scaled as in that run.
  ///
  /// - Parameters:
  ///   - inputs: The inputs, `[count, ...]`.
  ///   - targets: The targets, `[count]`, or for numbers also `[count, width]`; nil for none.
  ///   - names: The files or arrays that the inputs and the targets come from, for messages.
  ///   - choice: The kind of the targets, and the format of the training run, if any.
  /// - Throws: ``DataError`` if inputs and targets do not fit each other, or if a number is not finite.
  package init(
    _ inputs: NumberArray<Element>, _ targets: NumberArray<Double>?,
    names: (inputs: String, targets: String), _ choice: ColumnChoice
  ) throws(DataError) {
    let sizes = inputs.sizes
    guard let count = sizes.first, count > 0, sizes.count <= Shape.mostDimensions else {
      throw DataError(
        file: names.inputs, expected: "inputs of [examples, ...]", found: "\(sizes)",
        advice: "the first dimension must be that of the examples")
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

  /// Converts an array to targets.
  ///
  /// - Throws: ``DataError`` if there is not one target per example, if a target is not of the given kind, or if a
  ///   number is not finite.
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

  /// Reads an NPY file of inputs and, if wanted, one of targets.
  ///
  /// - Parameters:
  ///   - path: The file of the inputs, `[count, ...]`.
  ///   - choice: The roles; `choice.target` is the path of the file of the targets, or nil for inputs alone.
  /// - Throws: ``DataError`` if a file cannot be read, or if inputs and targets do not fit each other.
  package init(npy path: String, _ choice: ColumnChoice) throws(DataError) {
    var targets: NumberArray<Double>?
    if let target = choice.target { targets = try NumberArray<Double>(npy: target) }
    try self.init(
      NumberArray(npy: path), targets, names: (path, choice.target ?? path), choice)
  }

  /// Reads the inputs and, if wanted, the targets from arrays of an NPZ file.
  ///
  /// - Parameters:
  ///   - path: The file.
  ///   - inputs: The name of the array of inputs; nil if the file has only one array other than the targets.
  ///   - choice: The roles; `choice.target` is the name of the array of targets, or nil for inputs alone.
  /// - Throws: ``DataError`` if the file cannot be read, or if inputs and targets do not fit each other.
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
