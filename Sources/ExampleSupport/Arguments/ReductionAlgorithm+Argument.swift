public import AllReduce
public import ArgumentParser

extension ReductionAlgorithm: ExpressibleByArgument {
  /// The algorithm of that name, as given on a command line.
  public init?(argument: String) {
    self.init(name: argument)
  }

  /// The names that a command line may give.
  public static var allValueStrings: [String] { all.map(\.name) }

  /// The name, as help shows it.
  public var defaultValueDescription: String { name }
}
