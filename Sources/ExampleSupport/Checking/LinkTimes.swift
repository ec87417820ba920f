internal import AllReduce

/// How fast messages go between two ranks at a time.
///
/// Measured are all pairs of ranks of a host, and between hosts one pair of each two hosts, in rounds in
/// which no rank has two partners. The best of many messages counts: what else the machine does only ever
/// slows one down.
enum LinkTimes {
  /// Where a link is.
  enum Kind: CaseIterable {
    case withinHost, betweenHosts

    var name: String {
      switch self {
      case .withinHost: "messages within a host"
      case .betweenHosts: "messages between hosts"
      }
    }
  }

  /// A link that was measured.
  struct Link {
    let a: Int
    let b: Int
    let kind: Kind
    /// Bytes a second, one way.
    let bandwidth: Double
    /// Seconds of a message of one number, one way.
    let latency: Double
    /// Whether its bandwidth is less than half the median of the others of its kind.
    var isSlow = false
  }

  private static let bytes = 1 << 20
  private static let messages = 20

  /// Measures all links. Collective; every rank gets the same.
  static func measure(over world: Communicator) throws -> [Link] {
    var links: [Link] = []
    for host in rounds(of: world.hosts.map { rounds(of: $0) }) {
      links += try measure(host, .withinHost, over: world)
    }
    for pairs in rounds(of: world.hosts.map { $0[0] }) {
      links += try measure(pairs, .betweenHosts, over: world)
    }
    // Where ranks outnumber cores, two of them can be on one core: that says nothing of their link.
    let most = world.hosts.map(\.count).max() ?? 1
    let cores = try world.allReduce(Int32(clamping: coreCount()), .minimum)
    let kinds: [Kind] = most > Int(cores) ? [.betweenHosts] : Kind.allCases
    markSlow(&links, of: kinds)
    // What looks slow is measured again, alone: the better of both counts.
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

  /// "3.2 GB/s, 4.1 us", or from the slowest to the fastest.
  static func words(_ links: [Link]) -> String {
    func range(_ values: [Double]) -> String {
      let (least, most) = (values.min()!.formatted(digits: 2), values.max()!.formatted(digits: 2))
      return least == most ? least : "\(least)...\(most)"
    }
    return "\(range(links.map { $0.bandwidth / 1e9 })) GB/s, "
      + "\(range(links.map { $0.latency * 1e6 })) us"
  }

  /// Pairs of members in rounds: each pair once, each member once a round at most (the circle method).
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

  /// Rounds that all hosts do at once.
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

  /// The shortest time of a message there and back, halved.
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

  /// Marks links by the median of the others of their kind, of which there must be two.
  private static func markSlow(_ links: inout [Link], of kinds: [Kind]) {
    for index in links.indices where kinds.contains(links[index].kind) {
      let others = links.indices.filter { $0 != index && links[$0].kind == links[index].kind }
        .map { links[$0].bandwidth }.sorted()
      links[index].isSlow =
        others.count >= 2 && links[index].bandwidth < others[others.count / 2] / 2
    }
  }
}
