public import AllReduce
public import ArgumentParser

extension ScalarType: ExpressibleByArgument {
  /// Creates the element type that a command line names; nil if there is no such name.
  public init?(argument: String) {
    guard let type = ScalarType.allCases.first(where: { $0.description == argument }) else {
      return nil
    }
    self = type
  }

  /// The names that a command line may give.
  public static var allValueStrings: [String] { allCases.map(\.description) }

  /// Empty, because the command line takes the names and not the raw values.
  public static var allValueDescriptions: [String: String] { [:] }

  /// The element type's name, as help shows a default value.
  public var defaultValueDescription: String { description }
}
