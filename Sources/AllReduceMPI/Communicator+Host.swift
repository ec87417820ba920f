/// The ranks of a communicator that share this rank's host.
extension Communicator {
  /// The ranks on this rank's host, ascending.
  package var hostRanks: [Int] { hosts.first { $0.contains(rank) } ?? [rank] }

  /// This rank's place among ``hostRanks``.
  package var hostIndex: Int { hostRanks.firstIndex(of: rank) ?? 0 }

  /// Words for ranks of this communicator, by their numbers in the world: "ranks 0 and 3".
  package func describeWorldRanks(_ ranks: [Int]) -> String {
    describeRanks(ranks.map { worldRanks[$0] })
  }
}
