/// The ranks of a communicator that are on this host, and the shared memory lines in which they announce their calls.
///
/// Created with the communicator, so that no call has to create it while another rank waits elsewhere.
package final class HostGroup {
  package let layout: HostLayout
  package let lines: HostLines
  /// The world ranks of the communicator's ranks on this host, in rank order.
  package let worldRanks: [Int]
  private let segment: HostSegment

  /// Creates the group and its shared memory. Collective over `communicator`.
  package init(of communicator: Communicator) throws {
    layout = try HostLayout(of: communicator)
    let host = communicator.hostRanks
    worldRanks = host.map { communicator.worldRanks[$0] }
    segment = try HostSegment(
      HostMemoryRequest(.collectives, bytes: HostLines.areaBytes, isSingle: false),
      over: communicator, populate: host.count > 1)
    if layout.isOversubscribed { communicator.engine.givesWay = true }
    let (engine, names) = (communicator.engine, worldRanks)
    let agreement = communicator.agreement
    // Where ranks outnumber processors, polling keeps the awaited rank from running: with 64 polls, 3, 4 and 5 ranks on
    // 2 cores took twice as long.
    lines = HostLines(
      rank: communicator.hostIndex, areas: segment.parts,
      patience: layout.isOversubscribed ? 1 : 4000
    ) { owner, since throws(CallFailed) in
      let status = agreement.status
      if status & 1 == 1 { throw CallFailed() }
      // The rank that is waited for may itself wait for a message of this one.
      engine.poll()
      let now = monotonicNanoseconds()
      engine.lookAround(
        agreement, agreement.number, since: since, now: now, awaiting: [names[owner]],
        agreement.lastCall.map { "\($0)" } ?? "a collective in shared memory")
      if agreement.status != status { throw CallFailed(generation: status >> 1) }
      let since = since == 0 ? now : since
      let maySleep = engine.maySleep(since: since, now: now)
      if !maySleep { yieldCore() }
      return (since, maySleep)
    }
  }

  deinit { lines.deallocate() }
}
