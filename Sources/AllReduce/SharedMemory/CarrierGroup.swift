import AllReduceMPI

/// The ranks that carry the same slice of a vector between hosts, one a host.
///
/// On each host the same number of ranks carry: the ranks of the smallest host. They send on the communicator of all
/// ranks, in a lane of their own (``Ticket/lane``).
struct CarrierGroup {
  /// How many ranks of each host carry.
  let carrierCount: Int
  /// This rank's group, as ranks of the communicator, in the order of the hosts; empty on ranks that
  /// carry nothing.
  let ranks: [Int]
  /// This rank's place in it.
  let index: Int
  /// The choices of `automatic` in the group.
  let choices: Choices

  /// Nil where there is one host. No messages.
  init?(of communicator: Communicator) {
    let hosts = communicator.hosts
    if hosts.count == 1 { return nil }
    let place = communicator.hostIndex
    carrierCount = hosts.map(\.count).min() ?? 1
    ranks = place < carrierCount ? hosts.map { $0[place] } : []
    index = ranks.firstIndex(of: communicator.rank) ?? 0
    choices = Choices(ranksPerHost: hosts.map { _ in 1 })
  }
}
