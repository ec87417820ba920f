/// Which ranks add up gradients, and which update which weights.
///
/// In each mode all ranks have the same weights after a step, bit for bit.
public enum UpdateMode: String, Sendable, CaseIterable {
  /// All-reduce: every rank has the sum of the gradients and updates all of its weights.
  case replicated
  /// Reduce-scatter, update, all-gather: every rank adds up and updates a shard, keeps the optimizer's state of
  /// that shard only, and gives the others the new weights. Rajbhandari, Rasley, Ruwase and
  /// He, "ZeRO: Memory optimizations toward training trillion parameter models", 2020 (stage 1).
  case sharded
  /// Same as `sharded`, but with one copy of the weights a host, in memory that its ranks share: no rank sends
  /// new weights. Across hosts the hosts' sums are added up, and each host updates its own weights.
  case shared
}

/// When the exchange of gradients starts.
package enum ReductionStart: String, Sendable, CaseIterable {
  /// When the whole gradient is there: fewer and longer exchanges.
  case afterBackward
  /// Bucket by bucket while the backward pass goes on, so that communication overlaps with computation.
  case duringBackward
}
