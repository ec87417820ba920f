public import ArgumentParser

/// How a program prints its result.
public enum OutputFormat: String, CaseIterable, Sendable, ExpressibleByArgument {
  /// Text for people.
  case text
  /// One JSON object on standard output, and nothing else there.
  case json
}
