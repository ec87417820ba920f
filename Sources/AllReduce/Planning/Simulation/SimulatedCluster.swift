internal import AllReduceNN

/// Machines and links in numbers: what a ``ScheduleSimulator`` runs on.
///
/// Ranks fill hosts in turn: rank r is on host r / ``ranksPerHost``. A host has one link, which carries
/// `bandwidth` bytes a second each way at once; its ranks share it, first come, first served. A message of b bytes
/// that meets no other arrives `latency` + b / `bandwidth` seconds after it left. Between ranks of a host it takes
/// `hostLatency` + b / `hostBandwidth`, and hinders no other.
package struct SimulatedCluster: Sendable {
  /// The number of ranks.
  package var ranks: Int
  /// The ranks on each host; the last may have fewer.
  package var ranksPerHost = 1
  /// Seconds from the start of a message until its first byte is at another host.
  package var latency: Double
  /// Bytes a second of a host's link, each way.
  package var bandwidth: Double
  /// The same between ranks of a host.
  package var hostLatency = 0.5e-6
  package var hostBandwidth = 5e9
  /// Seconds of a rank's processor for each message, at either end.
  package var messageSeconds = 0.0
  /// Bytes that a rank combines in a second.
  package var reductionRate = Double.infinity
  /// Latencies are drawn anew for each message: times 1 + `jitter` x, x of the exponential distribution of mean 1.
  package var jitter = 0.0
  /// How much slower the processor of some ranks is, such as [3: 2.5].
  package var stragglers: [Int: Double] = [:]
  /// The seed of jitter.
  package var seed: UInt64 = 0

  /// Ranks on hosts of their own, joined by links.
  ///
  /// - Parameters:
  ///   - ranks: The number of ranks.
  ///   - latency: Seconds.
  ///   - bandwidth: Bytes a second, each way.
  package init(ranks: Int, latency: Double, bandwidth: Double) {
    self.ranks = ranks
    self.latency = latency
    self.bandwidth = bandwidth
  }

  /// The number of hosts.
  package var hosts: Int { (ranks + ranksPerHost - 1) / ranksPerHost }

  /// The host of a rank.
  package func host(of rank: Int) -> Int { rank / ranksPerHost }

  /// The latency of a message between hosts, by its number.
  func latency(ofMessage number: Int) -> Double {
    if jitter == 0 { return latency }
    let draw = Philox(seed: seed).uniform(at: UInt64(number))
    return latency * (1 - jitter * log1p(-draw))
  }
}

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif
