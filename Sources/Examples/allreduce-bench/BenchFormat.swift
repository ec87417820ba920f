import ArgumentParser

/// How a benchmark prints its results.
enum BenchFormat: String, CaseIterable, ExpressibleByArgument {
  /// For people.
  case table
  /// A header and a row an algorithm and size.
  case csv
  /// One object.
  case json
}
