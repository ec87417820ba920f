/// Two sets of examples of the same kind: one to learn from, one to be tested on. Each example has a class, or numbers
/// to be predicted.
public struct TrainingData: Sendable {
  /// The examples to learn from.
  public let training: any Dataset
  /// The examples to test on.
  public let test: any Dataset
  /// How they were read, for predictions; nil where that was the caller's own way.
  package var format: ExampleFormat?
  /// Remarks for the user on how they were read.
  package internal(set) var notes: [String] = []

  /// Joins two sets.
  ///
  /// - Throws: ``DataError`` if their examples have different sizes.
  public init(training: any Dataset, test: any Dataset) throws(DataError) {
    guard training.exampleShape == test.exampleShape else {
      throw DataError(
        file: test.name, expected: "examples of \(training.exampleShape), as in \(training.name)",
        found: "\(test.exampleShape)", advice: "take both from the same collection")
    }
    self.init(alike: training, test)
  }

  /// Joins two sets whose examples have one size.
  init(alike training: any Dataset, _ test: any Dataset) {
    self.training = training
    self.test = test
  }
}
