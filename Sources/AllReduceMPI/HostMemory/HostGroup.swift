/// The ranks of a communicator that share this host, and their lines.
///
/// Made at the first collective that needs it; all ranks of the communicator make it together.
package final class HostGroup {
  package let layout: HostLayout
  package let lines: HostLines
  /// World ranks of this host's ranks, in the order of the host group.
  package let worldRanks: [Int]
  private let segment: HostSegment

  /// Collective over `communicator`.
  package init(of communicator: Communicator) throws {
    layout = try HostLayout(of: communicator)
    let node = layout.node
    worldRanks = node.worldRanks
    segment = try HostSegment(
      bytes: HostLines.areaBytes, isSingle: false, over: node, populate: node.size > 1)
    if layout.isOversubscribed { communicator.engine.givesWay = true }
    let (engine, names) = (communicator.engine, worldRanks)
    // Where ranks outnumber processors, looking on keeps the rank from running that is waited for: with 64
    // looks 3, 4 and 5 ranks on 2 cores took twice as long.
    lines = HostLines(
      rank: node.rank, areas: segment.parts, patience: layout.isOversubscribed ? 1 : 4000
    ) { owner, since in
      // The rank that is waited for may itself wait for a message of this one.
      engine.poll()
      let now = monotonicNanoseconds()
      let since = since == 0 ? now : since
      engine.endJobIfOverdue(
        "a collective in shared memory", awaiting: [names[owner]], since: since, now: now)
      let maySleep = engine.maySleep(since: since, now: now)
      if !maySleep { yieldCore() }
      return (since, maySleep)
    }
    try node.barrier()
    if node.size == communicator.size { communicator.hostLines = lines }
  }

  deinit { lines.deallocate() }
}
