internal import CKernels

/// What the ranks of a host do, printed when a signal (SIGUSR2) asks for it: the call of each rank, which ranks wait for
/// which, and the first call at which ranks differ.
enum SignalReport {
  /// The time within which the watch threads of a host's ranks all see a signal that was sent to all of them, in
  /// seconds.
  private static let spread = 1.5 * Watchdog.longestPeriod

  /// Prints the report of this host on standard error, unless a lower rank of the host was asked too and prints it.
  ///
  /// It sends nothing to other ranks and reads their records only, so that it works while they are stopped or wait. Call
  /// it on a thread of its own: where the system is in trouble, a look at another process can hang.
  ///
  /// - Parameter now: When this rank saw the signal, by the monotonic clock.
  static func print(askedAt now: UInt64) {
    sleepThread(seconds: spread)
    let watchdog = Watchdog.shared
    let me = watchdog.peers?.me ?? Launch.current?.rank ?? 0
    let margin = UInt64(spread * 1e9)
    let isSaid = watchdog.ranksHere().values.contains { other in
      guard other.rank < me, let asked = other.record?[.reportAsked], !other.isStopped else {
        return false
      }
      return asked + margin >= now && asked <= now + margin
    }
    if isSaid || watchdog.stage == .done { return }
    let all = RankStatus.all()
    guard let own = all.first(where: { $0.process == Int(ck_process()) && $0.host == hostName() })
    else { return }
    writeToStandardError(words(of: all.filter { $0.job == own.job }, on: own.host))
  }

  /// Returns the report of some ranks of one host.
  private static func words(of ranks: [RankStatus], on host: String) -> String {
    let calls = Dictionary(ranks.map { ($0.rank, $0.calls) }) { first, _ in first }
    let lines =
      ranks.map(line) + WaitGraph(ranks.compactMap(WaitGraph.Node.init)).sentences
      + CallComparison.sentences(calls)
    return "report: the ranks of \(host):\n" + lines.map { "  \($0)\n" }.joined()
  }

  /// Returns what a rank does: "rank 1 (process 4712) is waiting for 3.2 s in barrier, number 11, for rank 0".
  private static func line(_ rank: RankStatus) -> String {
    var line = "rank \(rank.rank) (process \(rank.process)) is \(rank.condition.rawValue)"
    if rank.wait != nil, let seconds = rank.seconds {
      line += " for \((seconds * 10).rounded() / 10) s"
    }
    if let wait = rank.wait {
      line += " in \(wait.words)" + (wait.number == 0 ? "" : ", number \(wait.number)")
      line += ", for \(rank.awaited.map { describeRanks($0) } ?? "the others")"
    } else if let last = rank.lastCall {
      line += "; its last call: \(last.words), number \(last.number)"
    }
    return line
  }
}

extension WaitGraph.Node {
  /// Creates the node of a rank; nil for a rank that has left MPI, which keeps no other rank waiting.
  init?(_ rank: RankStatus) {
    self.init(
      rank: rank.rank, condition: rank.condition.rawValue, hasCome: rank.hasCome,
      isDone: rank.isDone, wait: rank.wait?.words, awaited: rank.awaited)
  }
}
