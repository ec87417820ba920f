internal import AllReduceMPI

/// Machines in numbers: what ranks compute and exchange in which time. Predictions of steps are made of it.
///
/// It is measured (``measured(on:)``), read from a file (``init(json:file:)``), or made by hand for machines that one
/// does not have (``byHand(_:)``). Ranks fill hosts in turn, as in `ranksPerHost`.
package struct MachineProfile: Equatable, Sendable {
  /// Ranks that can reach each other in one way, and how long exchanges take there.
  package struct Level: Equatable, Sendable {
    /// The least time of any exchange, in seconds.
    package var latency: Double
    /// The bandwidth of a link in each direction, in bytes a second.
    package var bytesPerSecond: Double
    /// The number of ranks that the curves are of: of a host, or one on each host.
    package var ranks: Int
    /// Seconds against bytes of a rank's whole buffer.
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
    /// How many times as long products take while the link is busy.
    package var computeSlowDown: Double
    /// How many times as long the link takes while products run.
    package var linkSlowDown: Double

    package init(computeSlowDown: Double = 1, linkSlowDown: Double = 1) {
      (self.computeSlowDown, self.linkSlowDown) = (computeSlowDown, linkSlowDown)
    }
  }

  /// How many ranks each host has.
  package var ranksPerHost: [Int]
  /// The cores of a host.
  package var cores: Int
  /// The machine, for people.
  package var machine: String
  /// Ranks of one host, in its memory.
  package var host: Level
  /// Ranks of several hosts; nil where there is one.
  package var network: Level?
  /// The speed of a rank's computation.
  package var compute: ComputeRates
  /// The cost of overlap.
  package var overlap: Overlap

  package init(
    ranksPerHost: [Int], cores: Int, machine: String, host: Level, network: Level?,
    compute: ComputeRates, overlap: Overlap = Overlap()
  ) {
    (self.ranksPerHost, self.cores, self.machine) = (ranksPerHost, cores, machine)
    (self.host, self.network) = (host, network)
    (self.compute, self.overlap) = (compute, overlap)
  }

  /// All ranks.
  package var ranks: Int { ranksPerHost.reduce(0, +) }

  /// The same machines without the last hosts.
  ///
  /// - Precondition: There are that many hosts.
  package func usingHosts(_ count: Int) -> MachineProfile {
    var profile = self
    profile.ranksPerHost = Array(ranksPerHost.prefix(count))
    if count < ranksPerHost.count { profile.compute.layers = compute.layers(onHosts: count) }
    return profile
  }

  /// The same machines with links of another rate: what their exchanges take beyond latency changes in proportion.
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

/// The kinds of exchange that plans are made of.
package enum ExchangeKind: String, Sendable, CaseIterable, CustomStringConvertible {
  case allReduce = "all_reduce"
  case reduceScatter = "reduce_scatter"
  case allGather = "all_gather"
  case allToAll = "all_to_all"

  package var description: String { rawValue.split(separator: "_").joined(separator: "-") }

  /// The least that a rank sends, as a fraction of its buffer.
  package func volume(ranks: Int) -> Double {
    let share = Double(ranks - 1) / Double(ranks)
    return self == .allReduce ? 2 * share : share
  }

  /// The collective.
  package var collective: Collective {
    switch self {
    case .allReduce: .allReduce
    case .reduceScatter: .reduceScatter
    case .allGather: .allGather
    case .allToAll: .allToAll
    }
  }
}

/// Ranks that exchange with each other, and how they lie.
package struct RankGroup: Hashable, Sendable {
  /// The number of ranks.
  package let ranks: Int
  /// The number of hosts that they are on.
  package let hosts: Int
  /// How many such groups use a host's link at once; of groups on one host, 1.
  package let sharing: Int

  package init(ranks: Int, hosts: Int = 1, sharing: Int = 1) {
    (self.ranks, self.hosts, self.sharing) = (ranks, hosts, sharing)
  }

  /// The groups of equal size that a grid makes of ranks which fill hosts in turn.
  ///
  /// - Parameters:
  ///   - count: Ranks of a group.
  ///   - stride: From one rank of a group to the next.
  ///   - ranksPerHost: How ranks lie.
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
  /// How long an exchange takes.
  ///
  /// It is the level's curve where the group is the one that was measured. For a different number of ranks the bytes
  /// are scaled to as much as a rank sends there, and each step more or less costs a latency. Groups that share a link
  /// carry their bytes over it one after the other.
  ///
  /// - Parameters:
  ///   - kind: The kind of exchange.
  ///   - bytes: The size of a rank's whole buffer.
  ///   - group: The ranks that exchange.
  /// - Returns: Seconds; they never fall with bytes.
  package func seconds(_ kind: ExchangeKind, bytes: Double, over group: RankGroup) -> Double {
    if group.ranks < 2 || bytes <= 0 { return 0 }
    guard group.hosts > 1, let network else {
      return MachineProfile.seconds(kind, bytes: bytes, ranks: group.ranks, sharing: 1, host)
    }
    if group.hosts == group.ranks || kind != .allReduce {
      return MachineProfile.seconds(
        kind, bytes: bytes, ranks: group.ranks, sharing: group.sharing, network)
    }
    // Hierarchical: the host's sum, then a slice a rank over the links, then a copy.
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

  /// The messages that a rank sends one after the other.
  private static func steps(_ kind: ExchangeKind, _ ranks: Int, _ bytes: Double) -> Double {
    guard kind == .allReduce else { return Double(ranks - 1) }
    let algorithm = AutomaticChoice.algorithm(
      ranks: ranks, hosts: ranks, bytes: Int(min(bytes, 1e15)), over: .messages)
    let depth = Double(Int.bitWidth - (ranks - 1).leadingZeroBitCount)
    return algorithm.kind == .ring ? 2 * Double(ranks - 1) : 2 * depth
  }
}
