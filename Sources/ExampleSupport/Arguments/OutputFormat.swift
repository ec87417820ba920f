public import ArgumentParser

/// How a program prints its result.
public enum OutputFormat: String, CaseIterable, Sendable, ExpressibleByArgument {
  /// For people.
  case text
  /// One object of json on standard output and nothing else there.
  case json
}
