import AllReduceMPI

/// The ranks, one per host, that all-reduce the same slice of a vector between hosts.
///
/// Such ranks are called carriers. Each host has the same number of carriers: the number of ranks on the smallest host.
/// Carriers send on the communicator of all ranks, in a lane of their own (``Ticket/lane``).
struct CarrierGroup {
  /// The number of carriers on each host.
  let carrierCount: Int
  /// The ranks of this rank's group, as ranks of the communicator, in the order of the hosts; empty if this rank is not
  /// a carrier.
  let ranks: [Int]
  /// The index of this rank in ``ranks``; 0 if this rank is not a carrier.
  let index: Int
  /// The algorithms that `automatic` chooses within the group.
  let choices: Choices

  /// Creates this rank's group; nil if there is only one host. Sends no messages.
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
