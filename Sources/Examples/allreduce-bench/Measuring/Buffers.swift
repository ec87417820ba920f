import ArgumentParser

/// Where the elements of a call live.
enum Buffers: String, CaseIterable {
  /// In an arena: memory that the ranks of a host share.
  case arena
  /// In memory of the rank's own.
  case array

  /// The values of `--buffers`.
  enum Choice: String, CaseIterable, ExpressibleByArgument {
    case arena, array
    /// Both for what can tell them apart, memory of the rank's own for all else.
    case both
  }
}
