public import AllReduce
public import ArgumentParser

/// A program that trains, or with `--check` compares what its ranks have.
public protocol TrainingProgram: ParsableCommand {
  /// Whether it is to compare.
  var checking: CheckOptions { get }

  /// A line that describes the data that this rank would learn from: equal on ranks that have the same data. Every rank
  /// calls it.
  ///
  /// - Throws: What is wrong with the data.
  func describeData(in world: Communicator) throws -> String
}

/// The option to compare the ranks.
public struct CheckOptions: ParsableArguments {
  /// Whether to compare.
  @Flag(
    help: """
      Trains nothing: compares program, versions, options, environment, processors, data and clocks of all \
      ranks, and the links between them.
      """)
  public var check = false

  /// Creates the options with their defaults.
  public init() {}
}
