internal import AllReduceMPI

/// Machines in numbers: how fast ranks compute, and how long their exchanges take. Steps are predicted from these
/// numbers.
///
/// A profile is measured (``MachineProbe``), read from a file (``init(json:file:)``), or made by hand for machines that
/// are not available (``byHand(_:)``). Ranks fill one host after the other, as ``ranksPerHost`` says.
package struct MachineProfile: Equatable, Sendable {
  /// Exchanges between ranks that reach each other in the same way, within a host or over the network, and their times.
  package struct Level: Equatable, Sendable {
    /// The time of the smallest exchange, in seconds.
    package var latency: Double
    /// The bandwidth of a link in each direction, in bytes per second.
    package var bytesPerSecond: Double
    /// The number of ranks that the curves hold for: all ranks of a host, or one rank on each host.
    package var ranks: Int
    /// For each kind of exchange, the seconds for a number of bytes in a rank's whole buffer.
    package var curves: [ExchangeKind: TimeCurve]

    package init(
      latency: Double, bytesPerSecond: Double, ranks: Int, curves: [ExchangeKind: TimeCurve]
    ) {
      (self.latency, self.bytesPerSecond) = (latency, bytesPerSecond)
      (self.ranks, self.curves) = (ranks, curves)
    }
  }

  /// How much matrix products and the link slow each other down while both are busy.
  package struct Overlap: Equatable, Sendable {
    /// The factor by which products take longer while the link is busy.
    package var computeSlowDown: Double
    /// The factor by which exchanges over the link take longer while products run.
    package var linkSlowDown: Double

    package init(computeSlowDown: Double = 1, linkSlowDown: Double = 1) {
      (self.computeSlowDown, self.linkSlowDown) = (computeSlowDown, linkSlowDown)
    }
  }

  /// The most ranks of a profile.
  static let mostRanks = 1 << 20

  /// The number of ranks on each host.
  package var ranksPerHost: [Int]
  /// The number of cores of a host.
  package var cores: Int
  /// The name of the machine, for people to read.
  package var machine: String
  /// Exchanges between the ranks of one host, through its memory.
  package var host: Level
  /// Exchanges between ranks of several hosts; nil if there is one host.
  package var network: Level?
  /// The speed of a rank's computation.
  package var compute: ComputeRates
  /// How much computation and the link slow each other down.
  package var overlap: Overlap

  package init(
    ranksPerHost: [Int], cores: Int, machine: String, host: Level, network: Level?,
    compute: ComputeRates, overlap: Overlap = Overlap()
  ) {
    (self.ranksPerHost, self.cores, self.machine) = (ranksPerHost, cores, machine)
    (self.host, self.network) = (host, network)
    (self.compute, self.overlap) = (compute, overlap)
  }

  /// The number of ranks on all hosts.
  package var ranks: Int { ranksPerHost.reduce(0, +) }

  /// Returns the profile of the first `count` hosts only.
  ///
  /// - Precondition: There are at least `count` hosts.
  package func usingHosts(_ count: Int) -> MachineProfile {
    var profile = self
    profile.ranksPerHost = Array(ranksPerHost.prefix(count))
    if count < ranksPerHost.count { profile.compute.layers = compute.layers(onHosts: count) }
    return profile
  }

  /// Returns the profile with links that are `factor` times as fast: the time of an exchange beyond the latency is
  /// divided by `factor`.
  package func scalingNetwork(by factor: Double) -> MachineProfile {
    var profile = self
    guard var network = profile.network else { return profile }
    network.bytesPerSecond *= factor
    network.curves = network.curves.mapValues { curve in
      TimeCurve(
        curve.points.map {
          TimeCurve.Point(
            bytes: $0.bytes,
            seconds: network.latency + max(0, $0.seconds - network.latency) / factor)
        })
    }
    profile.network = network
    return profile
  }
}

/// Ranks that exchange data with each other, and how they are distributed over hosts.
package struct RankGroup: Hashable, Sendable {
  /// The number of ranks in the group.
  package let ranks: Int
  /// The number of hosts that the group's ranks are on.
  package let hosts: Int
  /// The number of groups like this one that use a host's link at once; 1 for groups on one host.
  package let sharing: Int

  package init(ranks: Int, hosts: Int = 1, sharing: Int = 1) {
    (self.ranks, self.hosts, self.sharing) = (ranks, hosts, sharing)
  }

  /// Creates the description of the groups of equal size into which a grid divides ranks that fill one host after the
  /// other.
  ///
  /// - Parameters:
  ///   - count: The number of ranks in a group.
  ///   - stride: The difference between the numbers of a group's successive ranks.
  ///   - ranksPerHost: The number of ranks on each host.
  init(count: Int, stride: Int, ranksPerHost: [Int]) {
    let hostOfRank = ranksPerHost.enumerated().flatMap { Array(repeating: $0, count: $1) }
    var (most, using) = (1, [Int](repeating: 0, count: ranksPerHost.count))
    for group in 0..<hostOfRank.count / count {
      let first = group / stride * stride * count + group % stride
      var hosts: [Int] = []
      for index in 0..<count {
        let host = hostOfRank[first + index * stride]
        if hosts.last != host { hosts.append(host) }
      }
      most = max(most, hosts.count)
      if hosts.count > 1 { for host in hosts { using[host] += 1 } }
    }
    self.init(ranks: count, hosts: most, sharing: max(1, using.max() ?? 1))
  }
}

extension MachineProfile {
  /// Returns how long an exchange takes.
  ///
  /// The time is that of the level's curve if the group has the number of ranks that was measured. For a different
  /// number of ranks, the bytes are scaled by the ratio of what a rank sends, and one latency is added for each
  /// additional step, or subtracted for each step fewer. Groups that share a link send their bytes over it one after
  /// the other.
  ///
  /// - Parameters:
  ///   - kind: The kind of exchange.
  ///   - bytes: The size of a rank's whole buffer.
  ///   - group: The ranks that exchange.
  /// - Returns: The time in seconds, which never falls as `bytes` grows.
  package func seconds(_ kind: ExchangeKind, bytes: Double, over group: RankGroup) -> Double {
    if group.ranks < 2 || bytes <= 0 { return 0 }
    guard group.hosts > 1, let network else {
      return MachineProfile.seconds(kind, bytes: bytes, ranks: group.ranks, sharing: 1, host)
    }
    if group.hosts == group.ranks || kind != .allReduce {
      return MachineProfile.seconds(
        kind, bytes: bytes, ranks: group.ranks, sharing: group.sharing, network)
    }
    // Hierarchical: a sum within each host, then one slice per rank over the links, then a copy.
    let local = (group.ranks + group.hosts - 1) / group.hosts
    return MachineProfile.seconds(
      .reduceScatter, bytes: bytes, ranks: local, sharing: 1, host)
      + MachineProfile.seconds(
        kind, bytes: bytes, ranks: group.hosts, sharing: group.sharing, network)
      + 2 * bytes / compute.memoryBytesPerSecond
  }

  private static func seconds(
    _ kind: ExchangeKind, bytes: Double, ranks: Int, sharing: Int, _ level: Level
  ) -> Double {
    guard let curve = level.curves[kind] else { return 0 }
    if ranks == level.ranks {
      return curve.seconds(bytes: bytes * Double(sharing))
    }
    let measured = max(level.ranks, 2)
    let scaled =
      bytes * Double(sharing) * kind.volume(ranks: ranks) / kind.volume(ranks: measured)
    let more = steps(kind, ranks, bytes) - steps(kind, measured, bytes)
    return max(level.latency, curve.seconds(bytes: scaled) + level.latency * more)
  }

  /// Returns the number of messages that a rank sends one after the other.
  private static func steps(_ kind: ExchangeKind, _ ranks: Int, _ bytes: Double) -> Double {
    guard kind == .allReduce else { return Double(ranks - 1) }
    let algorithm = AutomaticChoice.algorithm(
      ranks: ranks, hosts: ranks, bytes: Int(min(bytes, 1e15)), over: .messages)
    let depth = Double(Int.bitWidth - (ranks - 1).leadingZeroBitCount)
    switch algorithm.kind {
    case .ring: return 2 * Double(ranks - 1)
    case .recursiveDoubling: return depth
    default: return 2 * depth
    }
  }
}
