import ArgumentParser

/// How a benchmark prints its results.
enum BenchFormat: String, CaseIterable, ExpressibleByArgument {
  /// A table for people.
  case table
  /// Comma-separated values: a header, and a row for each algorithm and size.
  case csv
  /// One JSON object.
  case json
}
