/// A simulation of all-reduce, by any algorithm that sends messages, on a cluster that is not available.
package enum SimulatedAllReduce {
  /// The algorithms that can be simulated.
  package static let algorithms: [ReductionAlgorithm] = [
    .ring, .tree, .flatTree, .doubleTree, .recursiveDoubling, .halvingDoubling, .gatherAndReduce,
    .hierarchical,
  ]

  /// Simulates an all-reduce, and returns its time.
  ///
  /// ``ReductionAlgorithm/hierarchical`` is simulated as it runs in an arena. First the ranks of a host sum their
  /// buffers, each rank one slice of them. Then each slice is all-reduced over the hosts by the schedule that would
  /// run, all slices over the same link. Then each rank copies the result. Each rank reads and writes memory at
  /// ``SimulatedCluster/hostBandwidth``, and a phase begins `hostLatency` after the one before.
  ///
  /// - Parameters:
  ///   - algorithm: One of ``algorithms``.
  ///   - bytes: The size of a rank's buffer; a multiple of 4.
  ///   - segmentBytes: The largest number of bytes of a message; nil for the default.
  ///   - cluster: The cluster to simulate.
  /// - Returns: The seconds until the last rank has the result.
  package static func seconds(
    by algorithm: ReductionAlgorithm, bytes: Int, segmentBytes: Int? = nil,
    on cluster: SimulatedCluster
  ) -> Double {
    guard algorithm.kind == .hierarchical else {
      return ScheduleSimulator.run(
        .allReduce, by: algorithm.kind, bytes: bytes, segmentBytes: segmentBytes, on: cluster
      ).seconds
    }
    let (hosts, local) = (cluster.hosts, min(cluster.ranksPerHost, cluster.ranks))
    let memory = cluster.hostBandwidth
    var seconds = 0.0
    if local > 1 {
      // A rank reads all ranks' parts of its slice and writes one slice; then it reads and writes the whole buffer.
      let slice = Double(bytes) / Double(local)
      seconds = slice * Double(local + 1) / memory + 2 * cluster.hostLatency
      if hosts > 1 { seconds += 2 * Double(bytes) / memory + cluster.hostLatency }
    }
    guard hosts > 1 else { return seconds }
    // The last host may have fewer ranks; there are no more slices than it has ranks.
    let carriers = min(local, cluster.ranks - (hosts - 1) * local)
    var between = cluster
    (between.ranks, between.ranksPerHost) = (hosts, 1)
    between.bandwidth /= Double(carriers)
    between.stragglers = [:]
    for (rank, factor) in cluster.stragglers {
      between.stragglers[cluster.host(of: rank), default: 1] = max(
        factor, between.stragglers[cluster.host(of: rank)] ?? 1)
    }
    let slice = (bytes / carriers + 3) / 4 * 4
    let schedule = AutomaticChoice.algorithm(
      ranks: hosts, hosts: hosts, bytes: slice, over: .messages)
    return seconds
      + ScheduleSimulator.run(
        .allReduce, by: schedule.kind, bytes: slice, segmentBytes: segmentBytes, on: between
      ).seconds
  }
}
