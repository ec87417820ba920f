/// Which ranks of a job wait for which other ranks, across communicators.
package struct WaitGraph: Sendable {
  /// A rank, the call in which it waits, and the ranks that it waits for.
  package struct Node: Sendable {
    package let rank: Int
    /// The call in which the rank waits; nil if it does not wait.
    package let wait: String?
    /// The ranks that the rank waits for; nil for all others.
    package let awaited: [Int]?
    /// A remark about the rank, for messages about ranks that wait for it: "is stopped"; nil for none.
    package let remark: String?

    package init(rank: Int, wait: String?, awaited: [Int]?, remark: String?) {
      (self.rank, self.wait, self.awaited, self.remark) = (rank, wait, awaited, remark)
    }
  }

  private let nodes: [Int: Node]

  /// Creates the graph of some ranks. A rank that is missing counts as one that does not wait.
  package init(_ nodes: [Node]) {
    self.nodes = Dictionary(nodes.map { ($0.rank, $0) }) { first, _ in first }
  }

  /// Returns the ranks that a rank waits for; none if it does not wait.
  private func next(_ rank: Int) -> [Int] {
    guard let node = nodes[rank], node.wait != nil else { return [] }
    return node.awaited ?? nodes.keys.filter { $0 != rank }.sorted()
  }

  /// Returns all ranks that can be reached from a rank along waits, without the rank itself unless it is in a cycle.
  private func reached(from rank: Int) -> Set<Int> {
    var (seen, open): (Set<Int>, [Int]) = ([], next(rank))
    while let one = open.popLast() {
      if seen.insert(one).inserted { open += next(one) }
    }
    return seen
  }

  private func waits(_ rank: Int) -> Bool { nodes[rank]?.wait != nil }

  /// Sentences that say what the waits are for: the roots of chains, and ranks that wait for each other.
  package var sentences: [String] {
    var byRoots: [[Int]: [Int]] = [:]
    var inCycles: Set<Int> = []
    for rank in nodes.keys.sorted() where waits(rank) {
      let reached = reached(from: rank)
      let roots = reached.filter { !waits($0) }.sorted()
      if roots.isEmpty, reached.contains(rank) {
        inCycles.insert(rank)
      } else if !roots.isEmpty {
        byRoots[roots, default: []].append(rank)
      }
    }
    var all = byRoots.sorted { $0.value[0] < $1.value[0] }.map { roots, ranks in
      let ends = roots.map { root in
        nodes[root].map { $0.remark.map { "rank \(root), which \($0)" } ?? "rank \(root)" }
          ?? "rank \(root), which is not seen from here"
      }
      return "\(describeRanks(ranks)) wait\(ranks.count == 1 ? "s" : "") for "
        + ends.joined(separator: ", ")
    }
    if !inCycles.isEmpty {
      let links = inCycles.sorted().map { rank in
        "rank \(rank) in \(nodes[rank]?.wait ?? "a call") for \(describeRanks(next(rank)))"
      }
      all.append(
        "\(describeRanks(inCycles.sorted())) wait for each other, a deadlock if it lasts: "
          + links.joined(separator: "; "))
    }
    return all
  }
}

/// Compares the calls of ranks on the communicators that they share.
package enum CallComparison {
  /// Returns sentences about the communicators on which ranks are at different calls, or have made different calls;
  /// none if there are no differences. The last 1,024 calls of each rank are known.
  package static func sentences(_ ranks: [RankStatus]) -> [String] {
    var latest: [UInt64: [Int: CallRecord.Entry]] = [:]
    for rank in ranks {
      for entry in rank.calls where latest[entry.communicator]?[rank.rank] == nil {
        latest[entry.communicator, default: [:]][rank.rank] = entry
      }
    }
    return latest.keys.sorted().flatMap { id -> [String] in
      guard let ends = latest[id], ends.count > 1 else { return [] }
      let numbers = ends.mapValues(\.number)
      let last = numbers.values.min() ?? 0
      var sentences: [String] = []
      if Set(numbers.values).count > 1 {
        let places = Set(numbers.values).sorted(by: >).map { number -> String in
          let there = numbers.filter { $0.value == number }.keys.sorted()
          let call = there.first.flatMap { ends[$0] }?.call.descriptionOfOthers ?? ""
          return "\(describeRanks(there)) at call \(number), \(call)"
        }
        sentences.append("communicator \(id): " + places.joined(separator: "; "))
      }
      if let sentence = firstDifference(ranks, id, upTo: last) { sentences.append(sentence) }
      return sentences
    }
  }

  /// Returns a sentence about the first call at which ranks differ, as far back as calls are known.
  private static func firstDifference(
    _ ranks: [RankStatus], _ id: UInt64, upTo last: UInt64
  ) -> String? {
    var byNumber: [UInt64: [(rank: Int, entry: CallRecord.Entry)]] = [:]
    for rank in ranks {
      for entry in rank.calls where entry.communicator == id && entry.number <= last {
        byNumber[entry.number, default: []].append((rank.rank, entry))
      }
    }
    for number in byNumber.keys.sorted() {
      let made = byNumber[number] ?? []
      guard Set(made.map(\.entry.running)).count > 1 else { continue }
      let calls = made.map { "rank \($0.rank) called \($0.entry.call.descriptionOfOthers)" }
      return "communicator \(id): ranks differ from call \(number) on: "
        + calls.joined(separator: ", ")
    }
    return nil
  }
}
