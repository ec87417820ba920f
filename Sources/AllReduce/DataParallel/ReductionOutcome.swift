/// Where the sum of the ranks' gradients is after a reduction; the totals are everywhere.
enum ReductionOutcome {
  /// In every rank's memory.
  case everywhere
  /// In the memory of the first rank of each of several hosts.
  case firstOfHost
  /// This rank has its block of each bucket (``BlockPartition``).
  case blocks
  /// Nowhere: each rank has its own gradient still.
  case nowhere

  /// Where a mode of update wants it.
  init(for update: UpdateMode, onOneHost isOneHost: Bool) {
    self =
      switch update {
      case .replicated: .everywhere
      case .sharded: isOneHost ? .nowhere : .blocks
      case .shared: isOneHost ? .nowhere : .firstOfHost
      }
  }
}
