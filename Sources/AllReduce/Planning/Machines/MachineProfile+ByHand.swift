extension MachineProfile {
  /// Machines that one does not have, in a few figures.
  package struct Figures: Equatable, Sendable {
    /// The hosts.
    package var hosts: Int
    /// The ranks of each.
    package var ranksPerHost: Int
    /// The bandwidth of a host's link in each direction, in bytes a second.
    package var linkBytesPerSecond: Double
    /// Seconds from the start of a message until its first byte is at another host.
    package var linkLatency: Double
    /// Multiplications and additions that a rank takes in a second.
    package var operationsPerSecond: Double
    /// Bytes that a rank reads or writes in memory in a second.
    package var memoryBytesPerSecond: Double
    /// Seconds of the least exchange between ranks of a host.
    package var hostLatency: Double

    /// Figures, those of a present core where none are given: 100 GFLOP/s, 10 GB/s.
    package init(
      hosts: Int, ranksPerHost: Int = 1, linkBytesPerSecond: Double = 125e6,
      linkLatency: Double = 50e-6, operationsPerSecond: Double = 1e11,
      memoryBytesPerSecond: Double = 1e10, hostLatency: Double = 2e-6
    ) {
      (self.hosts, self.ranksPerHost) = (hosts, ranksPerHost)
      (self.linkBytesPerSecond, self.linkLatency) = (linkBytesPerSecond, linkLatency)
      self.operationsPerSecond = operationsPerSecond
      self.memoryBytesPerSecond = memoryBytesPerSecond
      self.hostLatency = hostLatency
    }
  }

  /// The largest number of hosts whose exchanges are simulated; those of more follow by formula.
  private static let mostSimulated = 8

  /// Makes a profile of figures: exchanges between hosts are simulated by the schedules that would run, those within a
  /// host follow from the memory's rate.
  ///
  /// - Precondition: All figures are above 0; latencies may be 0.
  package static func byHand(_ figures: Figures) -> MachineProfile {
    let memory = figures.memoryBytesPerSecond
    let local = figures.ranksPerHost
    let share = Double(local - 1) / Double(local)
    /// How often each byte of a buffer is read or written by a rank.
    let passes: [ExchangeKind: Double] = [
      .allReduce: 2, .reduceScatter: 1 + 1 / Double(local), .allGather: 2 * share,
      .allToAll: 2 * share,
    ]
    let host = Level(
      latency: figures.hostLatency, bytesPerSecond: memory, ranks: local,
      curves: passes.mapValues {
        TimeCurve(latency: figures.hostLatency, bytesPerSecond: memory / max($0, 1e-9))
      })
    return MachineProfile(
      ranksPerHost: Array(repeating: local, count: figures.hosts), cores: local,
      machine: "by hand", host: host, network: figures.hosts > 1 ? network(figures) : nil,
      compute: ComputeRates(
        operationsPerSecond: figures.operationsPerSecond, memoryBytesPerSecond: memory,
        layerSeconds: 1e-6))
  }

  private static func network(_ figures: Figures) -> Level {
    let hosts = min(figures.hosts, mostSimulated)
    var cluster = SimulatedCluster(
      ranks: hosts, latency: figures.linkLatency, bandwidth: figures.linkBytesPerSecond)
    cluster.reductionRate = figures.memoryBytesPerSecond
    let sizes = [64, 512, 4 << 10, 32 << 10, 256 << 10, 2 << 20, 16 << 20, 128 << 20]
    let curves = ExchangeKind.allCases.map { kind in
      (
        kind,
        TimeCurve(
          measured: sizes.map { bytes in
            let algorithm =
              kind == .allReduce
              ? AutomaticChoice.algorithm(
                ranks: hosts, hosts: hosts, bytes: bytes, over: .messages
              ).kind : .ring
            // Half of an all-to-all's buffer is for what arrives.
            let outcome = ScheduleSimulator.run(
              kind.collective, by: algorithm, bytes: kind == .allToAll ? 2 * bytes : bytes,
              on: cluster)
            return TimeCurve.Point(bytes: Double(bytes), seconds: outcome.seconds)
          })
      )
    }
    return Level(
      latency: figures.linkLatency, bytesPerSecond: figures.linkBytesPerSecond, ranks: hosts,
      curves: Dictionary(uniqueKeysWithValues: curves))
  }
}
