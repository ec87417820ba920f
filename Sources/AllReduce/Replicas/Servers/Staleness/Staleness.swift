/// How parameter servers treat stale gradients: those that were computed from weights that have since been updated.
public struct Staleness: Hashable, Sendable, CustomStringConvertible {
  /// How a server corrects a gradient for the updates of the weights since the worker read them.
  public enum Compensation: Hashable, Sendable {
    /// Applies a stale gradient like a fresh one.
    case none
    /// Adds λ g ⊙ g ⊙ (w - w') to a gradient g, where w are the present weights, and w' the weights from which g was
    /// computed. Zheng et al., "Asynchronous stochastic gradient descent with delay compensation", 2017.
    case constant(Double)
    /// Same as `constant`, with λ divided by the running root mean square of each element's gradients.
    case adaptive(Double)
    /// Divides the learning rate by the staleness if that is more than 1. Zhang et al., "Staleness-aware async-SGD",
    /// 2016.
    case scaled
    /// Applies Nesterov's momentum only at every n-th gradient, with the mean of the latest n. Liu et al.,
    /// "Asynchronous local-SGD training for language modeling", 2024.
    case nesterov(Int)
  }

  /// The largest number of clocks (pushes of a worker) that a worker may be ahead of the slowest worker. The weights
  /// that it uses at clock c have all workers' updates of the clocks before c - bound. 0 is synchronous training; nil
  /// is no bound. Ho et al., "More effective distributed ML via a stale synchronous parallel parameter server", 2013.
  public var bound: Int?
  /// How a server corrects stale gradients.
  public var compensation: Compensation

  /// Creates the settings; by default there is no bound and no compensation.
  public init(bound: Int? = nil, compensation: Compensation = .none) {
    (self.bound, self.compensation) = (bound, compensation)
  }

  /// The settings as text, such as "unbounded" or "bound 3, constant:0.04".
  public var description: String {
    let words = bound.map { "bound \($0)" } ?? "unbounded"
    return compensation == .none ? words : "\(words), \(compensation)"
  }
}

extension Staleness.Compensation: CustomStringConvertible {
  /// The compensation in the syntax that `init(_:)` parses.
  public var description: String {
    switch self {
    case .none: "none"
    case .constant(let factor): "constant:\(factor)"
    case .adaptive(let factor): "adaptive:\(factor)"
    case .scaled: "scaled"
    case .nesterov(let count): "nesterov:\(count)"
    }
  }

  /// Parses `none`, `constant:L`, `adaptive:L`, `scaled` or `nesterov:N`; nil for any other text.
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

  /// Whether a server keeps a copy of the weights that each worker has read.
  var keepsWeightsRead: Bool {
    switch self {
    case .constant, .adaptive: true
    default: false
    }
  }
}
