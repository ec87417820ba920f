internal import AllReduceNN

/// A cluster in numbers, on which a ``ScheduleSimulator`` runs.
///
/// Ranks fill one host after the other: rank r is on host r / ``ranksPerHost``. Each host has one link, which carries
/// `bandwidth` bytes per second in each direction at once; the host's ranks share it, first come, first served. A
/// message of b bytes that waits for no other message arrives `latency` + b / `bandwidth` seconds after it was sent.
/// Between ranks of the same host, it takes `hostLatency` + b / `hostBandwidth` seconds and delays no other message.
package struct SimulatedCluster: Sendable {
  /// The number of ranks.
  package var ranks: Int
  /// The number of ranks on each host; the last host may have fewer.
  package var ranksPerHost = 1
  /// The number of seconds from the start of a message until its first byte reaches another host.
  package var latency: Double
  /// The bandwidth of a host's link in each direction, in bytes per second.
  package var bandwidth: Double
  /// The number of seconds from the start of a message until its first byte reaches another rank of the same host.
  package var hostLatency = 0.5e-6
  /// The bandwidth between two ranks of the same host, in bytes per second.
  package var hostBandwidth = 5e9
  /// The time of a rank's processor for each message, at either end, in seconds.
  package var messageSeconds = 0.0
  /// The number of bytes that a rank combines per second.
  package var reductionRate = Double.infinity
  /// The spread of latencies. Each message's latency is multiplied by 1 + `jitter` * x, with a random x from the
  /// exponential distribution of mean 1.
  package var jitter = 0.0
  /// The factors by which some ranks' processors are slower: `[3: 2.5]` means that rank 3 takes 2.5 times as long.
  package var stragglers: [Int: Double] = [:]
  /// The seed of the random latencies.
  package var seed: UInt64 = 0

  /// Creates a cluster of ranks, each on its own host, joined by links.
  ///
  /// - Parameters:
  ///   - ranks: The number of ranks.
  ///   - latency: The latency between hosts, in seconds.
  ///   - bandwidth: The bandwidth of each host's link in each direction, in bytes per second.
  package init(ranks: Int, latency: Double, bandwidth: Double) {
    self.ranks = ranks
    self.latency = latency
    self.bandwidth = bandwidth
  }

  /// The number of hosts.
  package var hosts: Int { (ranks + ranksPerHost - 1) / ranksPerHost }

  /// Returns the host of a rank.
  package func host(of rank: Int) -> Int { rank / ranksPerHost }

  /// Returns the latency of a message between hosts; if there is jitter, it depends on the message's number.
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
