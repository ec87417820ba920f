/// The ranks of a communicator that share this rank's host.
extension Communicator {
  /// The ranks on this rank's host, ascending.
  package var hostRanks: [Int] { hosts.first { $0.contains(rank) } ?? [rank] }

  /// The index of this rank in ``hostRanks``.
  package var hostIndex: Int { hostRanks.firstIndex(of: rank) ?? 0 }

  /// Returns a description of ranks of this communicator by their world ranks: "ranks 0 and 3".
  package func describeWorldRanks(_ ranks: [Int]) -> String {
    describeRanks(ranks.map { worldRanks[$0] })
  }
}
