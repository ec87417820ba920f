public import AllReduce
public import ArgumentParser

/// A program that trains or, with `--check`, compares its ranks with each other.
public protocol TrainingProgram: ParsableCommand {
  /// The option `--check`.
  var checking: CheckOptions { get }

  /// Returns a line that describes the data that this rank would learn from, equal on ranks that have the same data.
  /// Every rank calls it.
  ///
  /// - Throws: An error that says what is wrong with the data.
  func describeData(in world: Communicator) throws -> String
}

/// The option `--check`: instead of training, compares the ranks' versions, options, environment, processors, data and
/// links.
public struct CheckOptions: ParsableArguments {
  /// Whether the program compares the ranks instead of training.
  @Flag(
    help: """
      Trains nothing: compares program, versions, options, environment, processors, data and clocks of all \
      ranks, and the links between them.
      """)
  public var check = false

  /// Creates the options with their defaults.
  public init() {}
}
