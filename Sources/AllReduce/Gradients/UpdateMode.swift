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

extension UpdateMode {
  /// Returns the update mode of a plan that names none.
  ///
  /// Only a replicated update sums shards, or sums gradients that are compressed. Compression concerns what is sent
  /// between hosts, so on one host gradients within a replica are never compressed.
  static func usual<Scalar>(for resolved: ResolvedPlan<Scalar>, hosts: Int, ranks: Int)
    -> UpdateMode
  {
    let plan = resolved.plan
    let staysOnHost = hosts == 1 && !plan.meeting.isEveryStep
    let isCompressed = !staysOnHost && plan.compression.name != WholeGradient.none.name
    guard resolved.isDataParallel, !isCompressed else { return .replicated }
    return hosts < ranks && (hosts == 1 || plan.meeting.isEveryStep) ? .shared : .sharded
  }
}

/// When the exchange of gradients starts.
package enum ReductionStart: String, Sendable, CaseIterable {
  /// When the whole gradient has been computed: fewer and longer exchanges.
  case afterBackward
  /// Bucket by bucket during the backward pass, so that communication overlaps with computation.
  case duringBackward
}
