public import AllReduce
public import ArgumentParser

extension ReductionAlgorithm: ExpressibleByArgument {
  /// Creates the algorithm that a command line names; nil if there is no such name.
  public init?(argument: String) {
    self.init(name: argument)
  }

  /// The names that a command line may give.
  public static var allValueStrings: [String] { all.map(\.name) }

  /// The algorithm's name, as help shows a default value.
  public var defaultValueDescription: String { name }
}
