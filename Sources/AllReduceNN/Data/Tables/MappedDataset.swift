/// A data set whose inputs stay in an NPY file: rows are read from the disk when a batch needs them, so that they need
/// not fit into memory.
///
/// The file is mapped; the system keeps the most recently read rows in free memory. All rows of a batch are requested
/// together, because requested one after the other each would wait for the disk. The targets, and 4 bytes per example,
/// are in memory.
package struct MappedDataset: ArrayedDataset {
  /// The file, for messages.
  package let name: String
  /// The shape of an example's input.
  package let exampleShape: Shape
  private let file: MappedArray
  private let scaling: Scaling?
  private let targets: StoredTargets<Double>
  private let rows: [Int32]

  init(
    name: String, _ file: MappedArray, _ scaling: Scaling?, _ targets: StoredTargets<Double>,
    rows: [Int32]
  ) {
    (self.name, self.file, exampleShape, self.scaling) = (name, file, file.exampleShape, scaling)
    (self.targets, self.rows) = (targets, rows)
  }

  /// The number of classes; 0 where targets are numbers.
  package var classCount: Int { targets.classCount }
  /// The shape of an example's target if targets are numbers; nil if they are classes.
  package var valueShape: Shape? { targets.valueShape }

  /// The number of examples.
  package var count: Int { rows.count }

  /// Reads the inputs of some examples from the file, and copies their classes.
  package func fill(
    _ examples: [Int], inputs: Tensor<Float>, labels: UnsafeMutableBufferPointer<Int32>
  ) {
    read(examples, inputs, labels, nil)
  }

  /// Reads the inputs of some examples from the file, and copies their targets.
  package func fill<Scalar: NetworkScalar>(
    _ examples: [Int], inputs: Tensor<Scalar>, labels: UnsafeMutableBufferPointer<Int32>,
    values: Tensor<Scalar>?
  ) {
    read(examples, inputs, labels, values)
  }

  private func read<Scalar: NetworkScalar>(
    _ examples: [Int], _ inputs: Tensor<Scalar>, _ labels: UnsafeMutableBufferPointer<Int32>,
    _ values: Tensor<Scalar>?
  ) {
    checkFill(examples, inputs, labels)
    let width = exampleShape.count
    for example in examples { file.willRead(Int(rows[example])) }
    for (place, example) in examples.enumerated() {
      let row = Int(rows[example])
      let target = UnsafeMutableBufferPointer(
        rebasing: inputs.values[place * width..<(place + 1) * width])
      file.read(row, into: target)
      scaling?.apply(toRow: target)
      targets.write(row, to: place, labels: labels, values: values)
    }
  }
}
