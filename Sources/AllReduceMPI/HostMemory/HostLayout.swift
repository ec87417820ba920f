internal import CKernels

/// Which ranks of a communicator share a host.
package struct HostLayout {
  /// This host's ranks, as a communicator of their own.
  package let node: Communicator
  /// The ranks of each host, ascending; hosts are ordered by their lowest rank.
  package let hosts: [[Int]]
  /// Which of `hosts` is this one.
  package let host: Int
  /// Whether this host has fewer processors for its ranks than ranks.
  package let isOversubscribed: Bool

  /// Finds it out. Collective.
  package init(of communicator: Communicator) throws {
    node = try communicator.splitByHost()
    let lowest = try node.allGatherNatively(communicator.rank)[0]
    let lowestOf = try communicator.allGatherNatively(lowest)
    let leaders = Set(lowestOf).sorted()
    hosts = leaders.map { leader in lowestOf.indices.filter { lowestOf[$0] == leader } }
    host = leaders.firstIndex(of: lowest)!

    var bits = [UInt64](repeating: 0, count: 16)
    ck_usable_processors(&bits)
    var processors = 0
    for word in bits {
      let all = try node.allGatherNatively(Int(bitPattern: UInt(word)))
      processors += all.reduce(0) { $0 | UInt(bitPattern: $1) }.nonzeroBitCount
    }
    isOversubscribed = node.size > processors
  }
}
