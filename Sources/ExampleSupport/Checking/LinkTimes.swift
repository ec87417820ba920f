internal import AllReduce

/// Measures the bandwidth and latency of messages between pairs of ranks.
///
/// It measures all pairs of ranks of a host, and one pair of ranks for each pair of hosts, in rounds in which no rank
/// has two partners. The best of many messages counts, because other work of the machine can only slow a message down.
enum LinkTimes {
  /// Whether a link is within a host or between hosts.
  enum Kind: CaseIterable {
    case withinHost, betweenHosts

    var name: String {
      switch self {
      case .withinHost: "messages within a host"
      case .betweenHosts: "messages between hosts"
      }
    }
  }

  /// The measurement of the link between ranks `a` and `b`.
  struct Link {
    let a: Int
    let b: Int
    let kind: Kind
    /// Bytes per second, one way.
    let bandwidth: Double
    /// The time in seconds of a message of one number, one way.
    let latency: Double
    /// Whether the bandwidth is less than half the median of the other links of the same kind.
    var isSlow = false
  }

  private static let bytes = 1 << 20
  private static let messages = 20

  /// Measures all links. Collective; returns the same on every rank.
  static func measure(over world: Communicator) throws -> [Link] {
    var links: [Link] = []
    for host in rounds(of: world.hosts.map { rounds(of: $0) }) {
      links += try measure(host, .withinHost, over: world)
    }
    for pairs in rounds(of: world.hosts.map { $0[0] }) {
      links += try measure(pairs, .betweenHosts, over: world)
    }
    // Where ranks outnumber cores, two ranks can share a core: then their times say nothing about the link.
    let most = world.hosts.map(\.count).max() ?? 1
    let cores = try world.allReduce(Int32(clamping: coreCount()), .minimum)
    let kinds: [Kind] = most > Int(cores) ? [.betweenHosts] : Kind.allCases
    markSlow(&links, of: kinds)
    // A link that looks slow is measured again, alone; the better of the two measurements counts.
    for index in links.indices where links[index].isSlow {
      let link = links[index]
      let again = try measure([(link.a, link.b)], link.kind, over: world)[0]
      links[index] = Link(
        a: link.a, b: link.b, kind: link.kind, bandwidth: max(link.bandwidth, again.bandwidth),
        latency: min(link.latency, again.latency))
    }
    markSlow(&links, of: kinds)
    return links
  }

  /// Returns the links' bandwidths and latencies as text: "3.2 GB/s, 4.1 us", or ranges from the smallest to the
  /// largest.
  static func words(_ links: [Link]) -> String {
    func range(_ values: [Double]) -> String {
      let (least, most) = (values.min()!.formatted(digits: 2), values.max()!.formatted(digits: 2))
      return least == most ? least : "\(least)...\(most)"
    }
    return "\(range(links.map { $0.bandwidth / 1e9 })) GB/s, "
      + "\(range(links.map { $0.latency * 1e6 })) us"
  }

  /// Returns all pairs of members, in rounds in which each member occurs at most once (the circle method).
  static func rounds(of members: [Int]) -> [[(Int, Int)]] {
    if members.count < 2 { return [] }
    var circle = members.map { $0 as Int? }
    if circle.count % 2 == 1 { circle.append(nil) }
    var rounds: [[(Int, Int)]] = []
    for _ in 1..<circle.count {
      rounds.append(
        (0..<circle.count / 2).compactMap { place in
          guard let a = circle[place], let b = circle[circle.count - 1 - place] else { return nil }
          return (min(a, b), max(a, b))
        })
      circle.insert(circle.removeLast(), at: 1)
    }
    return rounds
  }

  /// Merges the rounds of all hosts, so that hosts measure at the same time.
  private static func rounds(of hosts: [[[(Int, Int)]]]) -> [[(Int, Int)]] {
    (0..<(hosts.map(\.count).max() ?? 0)).map { round in
      hosts.flatMap { round < $0.count ? $0[round] : [] }
    }
  }

  private static func measure(
    _ pairs: [(Int, Int)], _ kind: Kind, over world: Communicator
  ) throws -> [Link] {
    try world.barrier()
    var own: [Double] = [0, 0]
    for (a, b) in pairs where a == world.rank || b == world.rank {
      let latency = try best(of: 1, from: a, to: b, over: world)
      let long = try best(of: bytes / 8, from: a, to: b, over: world)
      own = [latency, long]
    }
    let all = try world.allGather(own)
    return pairs.map { a, b in
      Link(
        a: a, b: b, kind: kind, bandwidth: Double(bytes) / max(all[2 * a + 1], 1e-12),
        latency: all[2 * a])
    }
  }

  /// Returns the shortest time, in seconds, of a message from `a` to `b` and back, divided by 2.
  private static func best(
    of count: Int, from a: Int, to b: Int, over world: Communicator
  ) throws -> Double {
    var message = [Int64](repeating: 0, count: count)
    let other = world.rank == a ? b : a
    let clock = ContinuousClock()
    var best = Double.infinity
    for _ in 0..<messages {
      let start = clock.now
      if world.rank == a {
        try world.send(message, to: other)
        try world.receive(into: &message, from: other)
      } else {
        try world.receive(into: &message, from: other)
        try world.send(message, to: other)
      }
      best = min(best, (clock.now - start) / .seconds(1) / 2)
    }
    return best
  }

  /// Marks slow links by the median bandwidth of the other links of their kind, of which there must be at least two.
  private static func markSlow(_ links: inout [Link], of kinds: [Kind]) {
    for index in links.indices where kinds.contains(links[index].kind) {
      let others = links.indices.filter { $0 != index && links[$0].kind == links[index].kind }
        .map { links[$0].bandwidth }.sorted()
      links[index].isSlow =
        others.count >= 2 && links[index].bandwidth < others[others.count / 2] / 2
    }
  }
}
