internal import AllReduceMPI

/// All ranks, divided into replicas. The ranks of one replica train synchronously, and exchange weights with their
/// peers: the ranks at the same place in the other replicas.
///
/// ```
///                replica 0        replica 1
///     place 0    rank 0    <->    rank 2       <- peers
///     place 1    rank 1    <->    rank 3
/// ```
struct ReplicaRanks {
  /// All ranks.
  let world: Communicator
  /// The ranks of this replica.
  let own: Communicator
  /// The ranks at this rank's place in all replicas; nil where all ranks train synchronously.
  let peers: Communicator?
  /// The number of this replica, from 0.
  let index: Int
  /// The largest number of hosts that the ranks of one replica are on.
  let mostHosts: Int
  /// The number of replicas.
  var count: Int { peers?.size ?? 1 }

  /// Divides the ranks into replicas. Collective.
  ///
  /// - Throws: ``AgreedError`` of a ``PlanError`` on every rank if the ranks cannot be divided as `meeting` requires;
  ///   ``MPIError``.
  init(_ meeting: Meeting, over world: Communicator) throws {
    self.world = world
    let members = try world.agreeing { try ReplicaRanks.members(meeting, of: world) }
    guard let members else {
      (own, peers, index, mostHosts) = (world, nil, 0, world.hosts.count)
      return
    }
    let index = members.firstIndex { $0.contains(world.rank) } ?? 0
    let place = members[index].firstIndex(of: world.rank) ?? 0
    self.index = index
    mostHosts = members.reduce(1) { most, replica in
      max(most, world.hosts.count { !Set($0).isDisjoint(with: replica) })
    }
    own = members[index].count == world.size ? world : try world.split(color: index)
    peers = try world.split(color: place, key: index)
  }

  /// Returns the ranks of each replica; nil where all ranks train synchronously.
  static func members(_ meeting: Meeting, of world: Communicator) throws -> [[Int]]? {
    try meeting.check()
    guard !meeting.isEveryStep else { return nil }
    switch meeting.replica {
    case .ranks(let count):
      guard world.size % count == 0 else {
        throw PlanError(
          "\(world.size) ranks cannot form replicas of \(count): start a multiple of \(count) ranks."
        )
      }
      return stride(from: 0, to: world.size, by: count).map { Array($0..<$0 + count) }
    case .host:
      let sizes = world.hosts.map(\.count)
      guard Set(sizes).count == 1 else {
        throw PlanError(
          "A replica a host needs equally many ranks on each, but the hosts have "
            + sizes.map(String.init).joined(separator: ", ") + ".")
      }
      return world.hosts
    }
  }
}
