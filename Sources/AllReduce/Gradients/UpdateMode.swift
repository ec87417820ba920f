/// Which ranks add up gradients, and which update which weights.
///
/// In each mode all ranks have the same weights after a step, bit for bit.
public enum UpdateMode: String, Sendable, CaseIterable {
  /// All-reduce: every rank has the sum of the gradients and updates all of its weights.
  case replicated
  /// Reduce-scatter, update, all-gather: every rank sums the gradients of one shard, updates it, keeps the optimizer's
  /// state of that shard only, and passes the new weights to the other ranks. Rajbhandari, Rasley, Ruwase and He,
  /// "ZeRO: Memory optimizations toward training trillion parameter models", 2020 (stage 1).
  case sharded
  /// Same as `sharded`, but with one copy of the weights per host, in memory that the host's ranks share, so that no
  /// rank sends new weights. Gradients are summed across hosts, and each host updates its own copy.
  case shared
}

/// When the exchange of gradients starts.
package enum ReductionStart: String, Sendable, CaseIterable {
  /// When the whole gradient has been computed: fewer and longer exchanges.
  case afterBackward
  /// Bucket by bucket during the backward pass, so that communication overlaps with computation.
  case duringBackward
}
