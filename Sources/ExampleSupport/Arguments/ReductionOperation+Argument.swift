public import AllReduce
public import ArgumentParser

extension ReductionOperation: ExpressibleByArgument {
  /// Creates the operation that a command line names; nil if there is no such name.
  public init?(argument: String) {
    guard let operation = ReductionOperation.allCases.first(where: { $0.description == argument })
    else { return nil }
    self = operation
  }

  /// The names that a command line may give.
  public static var allValueStrings: [String] { allCases.map(\.description) }

  /// Empty, because the command line takes the names and not the raw values.
  public static var allValueDescriptions: [String: String] { [:] }

  /// The operation's name, as help shows a default value.
  public var defaultValueDescription: String { description }
}
