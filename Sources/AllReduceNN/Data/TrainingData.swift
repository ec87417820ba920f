/// A training set and a test set of examples of the same kind. Each example has a class, or numbers to predict.
public struct TrainingData: Sendable {
  /// The examples to learn from.
  public let training: any Dataset
  /// The examples to test on.
  public let test: any Dataset
  /// How the examples were read, which predictions need; nil if the caller made the data sets.
  package var format: ExampleFormat?
  /// Remarks for the user on how the examples were read.
  package internal(set) var notes: [String] = []

  /// Creates a pair of a training set and a test set.
  ///
  /// - Throws: ``DataError`` if the examples of the two sets have different shapes.
  public init(training: any Dataset, test: any Dataset) throws(DataError) {
    guard training.exampleShape == test.exampleShape else {
      throw DataError(
        file: test.name, expected: "examples of \(training.exampleShape), as in \(training.name)",
        found: "\(test.exampleShape)", advice: "take both from the same collection")
    }
    self.init(alike: training, test)
  }

  /// Creates a pair of a training set and a test set whose examples have the same shape.
  init(alike training: any Dataset, _ test: any Dataset) {
    self.training = training
    self.test = test
  }
}
