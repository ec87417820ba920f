/// How a training run read its examples. Predictions need the format to read other examples in the same way, and to
/// give results in the names and units of the data.
package struct ExampleFormat: Equatable, Sendable {
  /// The sizes of an input's dimensions; nil if they are not known.
  package var shape: [Int]?
  /// The names of the input columns, in order; nil if the data were arrays or images.
  package var columns: [String]?
  /// The name of the target's column, or of the file or array that has the targets.
  package var target: String?
  /// The names of the classes, by their numbers; nil if the classes have only numbers.
  package var classes: [String]?
  /// How inputs are scaled; nil if they are not scaled.
  package var inputs: Scaling?
  /// How targets that are numbers are scaled; nil if targets are classes.
  package var targets: Scaling?

  /// Creates a format from its parts, all of which are optional; ``shape`` is nil at first.
  package init(
    columns: [String]? = nil, target: String? = nil, classes: [String]? = nil,
    inputs: Scaling? = nil, targets: Scaling? = nil
  ) {
    (self.columns, self.target, self.classes) = (columns, target, classes)
    (self.inputs, self.targets) = (inputs, targets)
  }

  /// Whether numbers are predicted and not classes.
  package var predictsNumbers: Bool { targets != nil }
}
