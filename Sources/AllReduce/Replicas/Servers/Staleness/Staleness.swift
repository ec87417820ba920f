/// How servers treat gradients that were computed from old weights.
public struct Staleness: Hashable, Sendable, CustomStringConvertible {
  /// How a server treats a gradient by the weights that have changed since.
  public enum Compensation: Hashable, Sendable {
    /// A stale gradient is applied as a fresh one is.
    case none
    /// Adds λ g ⊙ g ⊙ (w - w'), where w' are the weights it was computed from. Zheng et al., "Asynchronous
    /// stochastic gradient descent with delay compensation", 2017.
    case constant(Double)
    /// Same as `constant`, with λ divided by the root of the mean square of the gradients.
    case adaptive(Double)
    /// Divides the rate by the staleness where that is more than 1. Zhang et al., "Staleness-aware
    /// async-SGD", 2016.
    case scaled
    /// Applies Nesterov's momentum at each n-th gradient only, with the mean of the n. Liu et al.,
    /// "Asynchronous local-SGD training for language modeling", 2024.
    case nesterov(Int)
  }

  /// How many clocks a worker may be ahead of the slowest one: it reads no weights that lack an update from
  /// before. 0 is synchronous; nil for no bound. Ho et al., "More effective distributed ML via a stale
  /// synchronous parallel parameter server", 2013.
  public var bound: Int?
  /// How a server treats gradients.
  public var compensation: Compensation

  /// Creates the settings; by default there is no bound and no compensation.
  public init(bound: Int? = nil, compensation: Compensation = .none) {
    (self.bound, self.compensation) = (bound, compensation)
  }

  /// "unbounded", "bound 3, constant 0.04".
  public var description: String {
    let words = bound.map { "bound \($0)" } ?? "unbounded"
    return compensation == .none ? words : "\(words), \(compensation)"
  }
}

extension Staleness.Compensation: CustomStringConvertible {
  /// In the words that `init(_:)` reads.
  public var description: String {
    switch self {
    case .none: "none"
    case .constant(let factor): "constant:\(factor)"
    case .adaptive(let factor): "adaptive:\(factor)"
    case .scaled: "scaled"
    case .nesterov(let count): "nesterov:\(count)"
    }
  }

  /// Reads none, constant:L, adaptive:L, scaled or nesterov:N; nil for anything else.
  package init?(_ text: String) {
    let words = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    switch (words[0], words.count) {
    case ("none", 1): self = .none
    case ("scaled", 1): self = .scaled
    case ("constant", 2), ("adaptive", 2):
      guard let factor = Double(words[1]), factor >= 0, factor.isFinite else { return nil }
      self = words[0] == "constant" ? .constant(factor) : .adaptive(factor)
    case ("nesterov", 2):
      guard let count = Int(words[1]), count >= 1 else { return nil }
      self = .nesterov(count)
    default: return nil
    }
  }

  /// Whether a server keeps the weights that each worker has read.
  var keepsWeightsRead: Bool {
    switch self {
    case .constant, .adaptive: true
    default: false
    }
  }
}
