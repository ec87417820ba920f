public import AllReduce
public import ArgumentParser

/// A program that trains or, with `--check`, compares its ranks with each other.
public protocol TrainingProgram: ParsableCommand {
  /// The options `--check` and `--deadline`.
  var job: JobOptions { get }

  /// Returns a line that describes the data that this rank would learn from, equal on ranks that have the same data.
  /// Every rank calls it.
  ///
  /// - Throws: An error that says what is wrong with the data.
  func describeData(in world: Communicator) throws -> String
}

/// The options of a job of several ranks.
public struct JobOptions: ParsableArguments {
  /// Whether the program compares the ranks instead of training.
  @Flag(
    help: """
      Trains nothing: compares program, versions, options, environment, processors, data and clocks of all \
      ranks, and the links between them.
      """)
  public var check = false

  /// The seconds that a rank waits for another one before the job ends; 0 for no end; nil for `ALLREDUCE_DEADLINE`.
  @Option(
    help: ArgumentHelp(
      "Ends the job when a rank has waited this long for another one; 0 to wait forever (default: what "
        + "ALLREDUCE_DEADLINE says, else 300).", valueName: "seconds"))
  public var deadline: Int?

  /// Creates the options with their defaults.
  public init() {}

  /// Refuses a deadline that is negative or too large.
  public func validate() throws {
    try OptionBounds.check("deadline", deadline, in: 0...OptionBounds.most)
  }
}
