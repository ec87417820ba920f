public import AllReduce
public import ArgumentParser

extension ScalarType: ExpressibleByArgument {
  /// The element type of that name, as given on a command line.
  public init?(argument: String) {
    guard let type = ScalarType.allCases.first(where: { $0.description == argument }) else {
      return nil
    }
    self = type
  }

  /// The names that a command line may give.
  public static var allValueStrings: [String] { allCases.map(\.description) }

  /// Empty: the command line takes the names, and not the raw values.
  public static var allValueDescriptions: [String: String] { [:] }

  /// The name, as help shows it.
  public var defaultValueDescription: String { description }
}
