/// Which ranks of a job wait for which other ranks, across communicators.
package struct WaitGraph: Sendable {
  /// A rank, the call in which it waits, and the ranks that it waits for.
  package struct Node: Sendable {
    package let rank: Int
    /// The call in which the rank waits; nil if it does not wait.
    package let wait: String?
    /// The ranks that the rank waits for; nil for all others.
    package let awaited: [Int]?
    /// Whether the rank starts or ends MPI. Ranks do that together, in calls of different names, so that they are no
    /// deadlock where all of them wait.
    package let isAtEdge: Bool
    /// A remark about the rank, for messages about ranks that wait for it: "is stopped"; nil for none.
    package let remark: String?

    package init(
      rank: Int, wait: String?, awaited: [Int]?, isAtEdge: Bool = false, remark: String? = nil
    ) {
      (self.rank, self.wait, self.awaited, self.remark) = (rank, wait, awaited, remark)
      self.isAtEdge = isAtEdge
    }

    /// Creates the node of a rank from its status; nil for a rank that has left MPI, which keeps no other rank waiting.
    ///
    /// - Parameters:
    ///   - rank: The rank.
    ///   - condition: The raw value of its ``RankStatus/Condition``, or "gone" for a rank whose process has ended.
    ///   - hasCome: Whether it has called ``MPI/run(over:threading:_:)``.
    ///   - isDone: Whether it has left MPI.
    ///   - wait: The call in which it waits, or waited when it was stopped; nil if it does not wait.
    ///   - awaited: The ranks that it waits for; nil for all others.
    package init?(
      rank: Int, condition: String, hasCome: Bool, isDone: Bool, wait: String?, awaited: [Int]?
    ) {
      if isDone { return nil }
      let isAtEdge = condition == "starting" || condition == "finishing"
      let remark: String? =
        switch condition {
        case "stopped", "gone": "is \(condition)"
        case "running": "waits for no other rank"
        case "starting": hasCome ? "sets itself up" : "has not come to MPI.run"
        default: nil
        }
      self.init(
        rank: rank, wait: condition == "waiting" || isAtEdge ? wait : nil, awaited: awaited,
        isAtEdge: isAtEdge, remark: remark)
    }
  }

  private let nodes: [Int: Node]

  /// Creates the graph of some ranks. A rank that is missing counts as one that does not wait.
  ///
  /// - Parameters:
  ///   - nodes: The ranks that are seen.
  ///   - missing: Those that are not.
  package init(_ nodes: [Node], missing: [Int] = []) {
    let unseen = missing.map {
      Node(rank: $0, wait: nil, awaited: nil, remark: "is not seen from here")
    }
    self.nodes = Dictionary((nodes + unseen).map { ($0.rank, $0) }) { first, _ in first }
  }

  /// Returns the ranks that a rank waits for; none if it does not wait. One that waits for all others does not wait for
  /// those that have come to the same call.
  private func next(_ rank: Int) -> [Int] {
    guard let node = nodes[rank], let wait = node.wait else { return [] }
    if let awaited = node.awaited { return awaited }
    return nodes.values.filter { other in
      if other.rank == rank { return false }
      return other.wait == nil || (other.wait != wait && !node.isAtEdge)
    }.map(\.rank).sorted()
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
      all.append(
        "\(describeRanks(inCycles.sorted())) wait for each other, a deadlock if it lasts: "
          + links(inCycles))
    }
    return all
  }

  /// Returns the ranks that wait for each other and keep a rank waiting, this rank among them if they wait for it too;
  /// none if a rank that does not wait keeps it waiting.
  package func cycle(awaitedBy rank: Int) -> Set<Int> {
    let reached = reached(from: rank)
    if reached.contains(where: { !waits($0) }) { return [] }
    return reached.filter { self.reached(from: $0).contains($0) }
  }

  /// Returns what each of these ranks waits for: "rank 0 in barrier for rank 1; rank 1 in broadcast for rank 0".
  package func links(_ ranks: Set<Int>) -> String {
    ranks.sorted().map { rank in
      "rank \(rank) in \(nodes[rank]?.wait ?? "a call") for \(describeRanks(next(rank)))"
    }.joined(separator: "; ")
  }
}

/// A call, by its communicator and its number there.
struct CallPlace: Equatable, Sendable {
  let communicator: UInt64
  let number: UInt64
}

extension CallPlace {
  /// Creates the call that a record says a rank waits in; nil for a message, whose communicator is noted as 0.
  init?(waitingIn communicator: UInt64, _ number: UInt64) {
    guard communicator != 0 else { return nil }
    self.init(communicator: communicator, number: number)
  }
}

/// The wait of a rank for other ranks.
struct AnsweredWait: Equatable, Sendable {
  let rank: Int
  /// A description of what the rank waits in.
  let words: String
  let awaited: [Int]
  /// The call in which the rank waits; nil for messages.
  let call: CallPlace?
}
