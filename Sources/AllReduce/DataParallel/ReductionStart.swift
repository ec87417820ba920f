/// When the exchange of gradients starts.
public enum ReductionStart: String, Sendable, CaseIterable {
  /// When the whole gradient is there: fewer and longer exchanges.
  case afterBackward
  /// Bucket by bucket while the backward pass goes on, so that the network works meanwhile.
  case duringBackward
}
