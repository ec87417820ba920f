extension MachineProfile {
  /// A few figures that describe machines that are not available.
  package struct Figures: Equatable, Sendable {
    /// The number of hosts.
    package var hosts: Int
    /// The number of ranks on each host.
    package var ranksPerHost: Int
    /// The bandwidth of a host's link in each direction, in bytes per second.
    package var linkBytesPerSecond: Double
    /// The number of seconds from the start of a message until its first byte reaches another host.
    package var linkLatency: Double
    /// The number of multiplications and additions that a rank does per second.
    package var operationsPerSecond: Double
    /// The number of bytes that a rank reads or writes in memory per second.
    package var memoryBytesPerSecond: Double
    /// The number of seconds of the smallest exchange between ranks of a host.
    package var hostLatency: Double

    /// Creates figures. The defaults are those of a present-day core (100 GFLOP/s, 10 GB/s) and a link of 1 Gbit/s.
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

  /// The largest number of hosts whose exchanges are simulated; times for more hosts follow by formula.
  private static let mostSimulated = 8

  /// Creates a profile from figures. Exchanges between hosts are simulated with the schedules that would run; times of
  /// exchanges within a host follow from the rate of its memory.
  ///
  /// - Precondition: All figures are above 0; latencies may be 0.
  package static func byHand(_ figures: Figures) -> MachineProfile {
    let memory = figures.memoryBytesPerSecond
    let local = figures.ranksPerHost
    let share = Double(local - 1) / Double(local)
    /// The number of times that a rank reads or writes each byte of a buffer.
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
            // Half of an all-to-all's buffer is for the data received.
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
