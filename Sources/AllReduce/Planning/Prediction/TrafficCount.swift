internal import AllReduceMPI

/// The bytes that each rank sends to other hosts in collectives, counted from the schedules that would run.
///
/// The algorithms are the built-in choices, not those of a tuning file.
struct TrafficCount {
  /// Where the numbers that an all-reduce adds up are in memory.
  enum Memory {
    case arena, array
  }

  /// The number of payload bytes that each rank has sent to other hosts so far.
  private(set) var bytes: [Int]
  private let hostOfRank: [Int]
  private var known: [Key: [[Int: Int]]] = [:]

  private struct Key: Hashable {
    let collective: Collective
    let algorithm: UInt8
    let ranks: Int
    let count: Int
  }

  init(ranksPerHost: [Int]) {
    hostOfRank = ranksPerHost.enumerated().flatMap { Array(repeating: $0, count: $1) }
    bytes = Array(repeating: 0, count: hostOfRank.count)
  }

  /// Counts an all-reduce, by the algorithm that `automatic` chooses.
  mutating func allReduce(
    _ count: Int, stride: Int = 4, over group: [Int], _ memory: Memory = .arena
  ) {
    let hosts = self.hosts(of: group)
    if group.count < 2 || count == 0 || hosts.count == 1 { return }
    if hosts.count < group.count { return ontoHosts(count, stride: stride, over: group) }
    let algorithm = AutomaticChoice.algorithm(
      ranks: group.count, hosts: hosts.count, bytes: count * stride,
      over: memory == .arena ? .arena : .array)
    run(.allReduce, by: algorithm.kind, count, stride: stride, over: group)
  }

  /// Counts an all-reduce of the hosts' sums. The number of ranks that take part is the same on each host, that of the
  /// smallest host, and each of them sends one slice.
  mutating func ontoHosts(_ count: Int, stride: Int = 4, over group: [Int]) {
    let hosts = self.hosts(of: group)
    guard hosts.count > 1 else { return }
    let carriers = hosts.map(\.count).min() ?? 1
    let slices = HostSlices(count: count, stride: stride, ranks: carriers)
    for place in 0..<carriers where !slices[place].isEmpty {
      let algorithm = AutomaticChoice.algorithm(
        ranks: hosts.count, hosts: hosts.count, bytes: slices[place].count * stride,
        over: .messages)
      run(
        .allReduce, by: algorithm.kind, slices[place].count, stride: stride,
        over: hosts.map { $0[place] })
    }
  }

  /// Counts another collective, by messages; within one host, ranks use its memory and send nothing to other hosts.
  mutating func other(_ collective: Collective, _ count: Int, stride: Int = 4, over group: [Int]) {
    if group.count < 2 || count == 0 || hosts(of: group).count == 1 { return }
    let algorithm: ReductionAlgorithm.Kind =
      switch collective {
      case .broadcast, .reduce: .tree
      default: .ring
      }
    run(collective, by: algorithm, count, stride: stride, over: group)
  }

  private mutating func run(
    _ collective: Collective, by algorithm: ReductionAlgorithm.Kind, _ count: Int, stride: Int,
    over group: [Int]
  ) {
    let key = Key(
      collective: collective, algorithm: UInt8(algorithm.rawValue), ranks: group.count,
      count: count)
    let sent =
      known[key]
      ?? group.indices.map { rank in
        var sent: [Int: Int] = [:]
        let schedule = Schedule(
          collective, by: algorithm, rank: rank, size: group.count, count: count,
          segment: max(count, 1))
        for step in schedule.steps {
          switch step {
          case .send(let range, let peer, _), .sendEncoded(let range, _, let peer, _):
            sent[peer, default: 0] += range.count
          default: break
          }
        }
        return sent
      }
    known[key] = sent
    for (rank, peers) in sent.enumerated() {
      for (peer, count) in peers where hostOfRank[group[peer]] != hostOfRank[group[rank]] {
        bytes[group[rank]] += count * stride
      }
    }
  }

  /// Returns the hosts that the ranks of a group are on.
  func hostNumbers(of group: [Int]) -> Set<Int> { Set(group.map { hostOfRank[$0] }) }

  private func hosts(of group: [Int]) -> [[Int]] {
    var hosts: [(host: Int, ranks: [Int])] = []
    for rank in group {
      if let place = hosts.firstIndex(where: { $0.host == hostOfRank[rank] }) {
        hosts[place].ranks.append(rank)
      } else {
        hosts.append((hostOfRank[rank], [rank]))
      }
    }
    return hosts.map(\.ranks)
  }
}
