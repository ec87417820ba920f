/// How a training run read its examples: predictions need it to read others in the same way, and to give results in the
/// names and units of the data.
package struct ExampleFormat: Equatable, Sendable {
  /// The sizes of an input; nil where they are not known.
  package var shape: [Int]?
  /// The names of the columns that are inputs, in order; nil where the data were arrays or images.
  package var columns: [String]?
  /// The name of the target's column, or of the file or array of the targets.
  package var target: String?
  /// The names of the classes, by their numbers; nil where the numbers are all.
  package var classes: [String]?
  /// How inputs are scaled; nil for as they are.
  package var inputs: Scaling?
  /// How targets that are numbers are scaled; nil where targets are classes.
  package var targets: Scaling?

  /// Says nothing but how inputs are scaled.
  package init(
    columns: [String]? = nil, target: String? = nil, classes: [String]? = nil,
    inputs: Scaling? = nil, targets: Scaling? = nil
  ) {
    (self.columns, self.target, self.classes) = (columns, target, classes)
    (self.inputs, self.targets) = (inputs, targets)
  }

  /// Whether numbers are predicted, not classes.
  package var predictsNumbers: Bool { targets != nil }
}
