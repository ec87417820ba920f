public import AllReduce
public import ArgumentParser

/// Lets a command line give a grid of ranks, such as 2x3: 2 groups with different examples, each of 3 ranks that hold
/// shards of one copy of the weights.
extension GridShape: ExpressibleByArgument {
  /// Parses the sizes of a grid, such as 2x3 (data x model); nil for any other text.
  public init?(argument: String) {
    let numbers = argument.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
    guard numbers.count == 2, let data = numbers[0], let model = numbers[1], data > 0, model > 0
    else { return nil }
    self.init(data: data, model: model)
  }
}

/// Lets a command line give an order by its name, or as a, b or c.
extension ConversionRun.Order: ExpressibleByArgument {
  /// Parses an order from its name or its letter (a, b or c); nil for any other text.
  public init?(argument: String) {
    let letters: [String: ConversionRun.Order] = [
      "a": .atOnce, "b": .broadcastInTurn, "c": .scatterInTurn,
    ]
    guard let order = letters[argument] ?? ConversionRun.Order(rawValue: argument) else {
      return nil
    }
    self = order
  }

  /// The letters and the names that a command line may give.
  public static var allValueStrings: [String] { ["a", "b", "c"] + allCases.map(\.rawValue) }
}
