/// Finds the ranks that keep a wait from ending, once the wait has lasted too long.
///
/// It reads the processes of this host and their records, and sends no messages. A rank that is itself waiting is not
/// named where another rank keeps it waiting.
struct Culprits {
  /// This rank, which waits, as a world rank.
  let me: Int
  /// How far this rank has come.
  let stage: Stage
  /// The call in which this rank waits.
  let operation: String
  /// The world ranks that this rank waits for; nil for all others.
  let awaited: [Int]?
  /// The number of ranks in the job, if known.
  let size: Int?
  /// Where the ranks run, once that is known.
  let peers: Peers?
  /// The number of ranks on this host, if the launcher has said so.
  let sizeOnHost: Int?
  /// This host's name.
  let host: String
  /// The ranks of this host whose processes can be seen, by world rank.
  let here: [Int: HostRank]
  /// The ranks of this host that have polled, in waits outside MPI, between two looks at them.
  let polling: Set<Int>
  /// The ranks that were stopped at half the deadline.
  let wereStopped: [HostRank]
  /// The ranks that were waiting for other ranks at half the deadline.
  let wereWaiting: [HostRank]
  /// The communicator and number of the call in which this rank waits; nil for messages.
  let ownCall: CallPlace?
  /// Whether this rank has a record that other processes can read; if not, it does not expect other ranks to have one.
  let isShowing: Bool
  /// What other ranks have answered about their waits; those of other hosts are known only by it.
  let answered: [AnsweredWait]
  /// The present time, by the monotonic clock.
  let now: UInt64

  /// A description of the ranks that keep this rank waiting.
  var words: String {
    let isAwaited = roots.map { ranks in { ranks.contains($0) } } ?? { _ in true }
    let others = here.values.filter { $0.rank != me }.sorted { $0.rank < $1.rank }
    let awaitedHere = others.filter { isAwaited($0.rank) }

    // A rank that does not run keeps all other ranks waiting, including those that this rank waits for.
    for dead in [stopped, others.filter { hasEnded($0) && !hasGivenUp($0) }] where !dead.isEmpty {
      let nearest = dead.filter { isAwaited($0.rank) }
      return named(nearest.isEmpty ? dead : nearest) { rank in
        if hasEnded(rank) { return "has ended" }
        return here[rank.rank]?.isStopped == true ? "is stopped" : "was stopped until now"
      }
    }
    // What each of them does is in the sentence about the cycle.
    if cycle != nil, let awaited { return describePeers(awaited) }
    let late = awaitedHere.filter { lateRemark($0) != nil }
    if !late.isEmpty { return named(late) { lateRemark($0)! } }
    if let unseen = unseenRanks(isAwaited) { return unseen }
    let apart = awaitedHere.filter { waitOf($0) != "waits in \(operation)" }
    return named(apart.isEmpty ? awaitedHere : apart) { waitOf($0) ?? "has no readable state" }
  }

  /// Returns whether a rank has ended that was itself waiting at half the deadline, which means that it has reached its
  /// own deadline.
  private func hasGivenUp(_ rank: HostRank) -> Bool {
    hasEnded(rank) && wereWaiting.contains { $0.rank == rank.rank }
  }

  /// The ranks that this rank waits for. Ranks of this host that wait too, or have given up, are replaced by the ranks
  /// that they wait for. If this leaves no rank, because they wait for each other, the ranks are not replaced.
  private var roots: [Int]? {
    guard let awaited else { return nil }
    var (roots, seen, open) = ([Int](), Set([me]), awaited)
    while let rank = open.popLast() {
      guard seen.insert(rank).inserted else { continue }
      if let further = ranksAwaited(by: rank) { open += further } else { roots.append(rank) }
    }
    return roots.isEmpty ? awaited : roots.sorted()
  }

  /// Returns the world ranks that a rank of this host waits for, or waited for when it gave up; nil if they are not
  /// known.
  private func ranksAwaited(by rank: Int) -> [Int]? {
    guard let found = here[rank], !found.isStopped else { return nil }
    if hasGivenUp(found), let record = wereWaiting.first(where: { $0.rank == rank })?.record {
      return record.awaited ?? (0..<(size ?? 0)).filter { $0 != rank }
    }
    guard let record = found.record, record[.waitSince] != 0, waitOf(found) != nil,
      // A send is the only guarded call within a wait: it may block until its receiver accepts the connection. Before
      // any other guarded call the wait has ended, and its note is old.
      record[.callSince] == 0 || record.text(.call) == "MPI_Isend"
    else { return nil }
    return record.awaited
  }

  /// A sentence about the ranks that wait for each other and keep this rank waiting; nil if there are none, or they all
  /// wait in the same call, which is no fault of theirs.
  ///
  /// It is no proof of a deadlock: a message between them may still be on its way.
  var cycle: String? {
    guard let awaited else { return nil }
    var nodes = [me: (AnsweredWait(rank: me, words: operation, awaited: awaited, call: ownCall))]
    for wait in answered where here[wait.rank] == nil { nodes[wait.rank] = wait }
    for rank in here.keys where rank != me { nodes[rank] = wait(of: rank) }
    let graph = WaitGraph(
      nodes.values.map { WaitGraph.Node(rank: $0.rank, wait: $0.words, awaited: $0.awaited) })
    let cycle = graph.cycle(awaitedBy: me)
    let calls = cycle.map { nodes[$0]?.call }
    guard let first = calls.first, first == nil || !calls.allSatisfy({ $0 == first }) else {
      return nil
    }
    return "\(describeRanks(cycle.sorted())) wait for each other: \(graph.links(cycle))"
  }

  /// Returns the wait of a rank of this host; nil if it does not wait, or has not waited for long.
  private func wait(of rank: Int) -> AnsweredWait? {
    guard let awaited = ranksAwaited(by: rank), let found = here[rank],
      let record = found.record ?? wereWaiting.first(where: { $0.rank == rank })?.record,
      now > record[.waitSince] + Culprits.lasting
    else { return nil }
    let text = record.text(.wait)
    return AnsweredWait(
      rank: rank, words: text.isEmpty ? "a call" : text, awaited: awaited, call: record.waitingCall)
  }

  /// How long a rank has waited at least, in nanoseconds, to be said to be part of a cycle.
  private static let lasting = UInt64(min(1, (Deadline.seconds ?? 2) / 2) * 1e9)

  /// Whether this rank prints the warning for its host: the lowest rank that waits does so.
  var speaks: Bool {
    !here.values.contains { $0.rank < me && $0.state != nil && !$0.isStopped && waitOf($0) != nil }
  }

  /// Returns a description of ranks of this host, each with its process and a remark: "rank 2 (process 4711 on node1,
  /// which is stopped)".
  private func named(_ ranks: [HostRank], _ remark: (HostRank) -> String) -> String {
    if ranks.isEmpty {
      return awaited.map(describePeers) ?? "the launcher: no other rank is missing"
    }
    let byRank = Dictionary(uniqueKeysWithValues: ranks.map { ($0.rank, $0) })
    return describeRanks(ranks.map(\.rank), joinedBy: "and") { rank in
      let found = byRank[rank]!
      let last = found.lastCall.map { "; its last call: \($0)" } ?? ""
      return "\(rank) (process \(found.process) on \(host), which \(remark(found))\(last))"
    }
  }

  /// The ranks that are stopped, or were stopped at half the deadline.
  private var stopped: [HostRank] {
    let are = here.values.filter { $0.rank != me && $0.isStopped }
    let were = wereStopped.filter { here[$0.rank]?.isStopped != true }
    return (are + were).sorted { $0.rank < $1.rank }
  }

  /// Returns whether a rank's process has ended unexpectedly, which is before the job's end.
  private func hasEnded(_ rank: HostRank) -> Bool { rank.state == nil && stage < .finishing }

  /// Whether a rank of this host has ended and none is stopped. If so, the job is being ended, and the ranks that saw
  /// the reason have reported it.
  var isJobEnding: Bool {
    if !stopped.isEmpty { return false }
    if peers == nil, let sizeOnHost, here.count < sizeOnHost { return true }
    return here.values.contains(where: hasEnded)
  }

  /// Returns why a rank has not come to where this rank waits for it; nil if it waits too, or its process has ended.
  private func lateRemark(_ rank: HostRank) -> String? {
    guard rank.state != nil else { return nil }
    guard rank.record != nil else {
      return isShowing && stage < .running ? "has not come to MPI.run" : nil
    }
    if waitOf(rank) != nil { return nil }
    return stage == .finishing ? "has not come to MPI_Finalize" : "waits for no other rank"
  }

  private func waitOf(_ rank: HostRank) -> String? {
    rank.record?.wait(isPolling: polling.contains(rank.rank), now: now)
  }

  /// Returns a description of the awaited ranks whose processes cannot be seen, one of which must be the cause; nil if
  /// all can be seen.
  private func unseenRanks(_ isAwaited: (Int) -> Bool) -> String? {
    guard let size else { return "a rank whose process cannot be seen from here" }
    let unseen = (0..<size).filter { $0 != me && here[$0] == nil && isAwaited($0) }
    if unseen.isEmpty { return nil }
    let ranks = describePeers(unseen, joinedBy: "or")
    if let peers {
      if unseen.count == 1 { return ranks }
      let areElsewhere = !unseen.contains { peers.isHere($0) }
      return "one of \(ranks)" + (areElsewhere ? " (every rank of this host is accounted for)" : "")
    }
    let names = unseen.count == 1 ? "\(ranks), which is" : "one of \(ranks), which are"
    guard let sizeOnHost, here.count >= sizeOnHost else { return "\(names) not seen from here" }
    let place = unseen.count == 1 ? "another host" : "other hosts"
    return "\(names) on \(place) (every rank of this host is accounted for)"
  }
}
