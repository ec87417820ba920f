import ArgumentParser

/// The kind of memory that holds the elements of a call.
enum Buffers: String, CaseIterable {
  /// An arena: memory that the ranks of a host share.
  case arena
  /// An array: memory that belongs to one rank.
  case array

  /// The values of `--buffers`.
  enum Choice: String, CaseIterable, ExpressibleByArgument {
    case arena, array
    /// Both kinds for contenders that run differently in an arena, arrays for all others.
    case both
  }
}
