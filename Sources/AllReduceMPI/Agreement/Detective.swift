/// Finds out what a long wait is for: ranks that made a different call, the rank at the root of a chain of waits, and
/// cycles across communicators.
///
/// A rank that has waited 10 ms in a call reports the call to the ranks that it waits for, and each of them compares it
/// with its own. From 200 ms on it also follows the chain of waits, every 200 ms, and asks from rank to rank: has this
/// rank made the call in which the other waits, and if not, in which call does it wait? Two rounds that find the same
/// cycle, in the same waits, prove a deadlock.
final class Detective {
  /// A rank that is waited for, and the call in which the others wait for it.
  private struct Node: Hashable {
    let rank: Int
    let communicator: UInt64
    let number: UInt64

    init(rank: Int, communicator: UInt64, number: UInt64) {
      self.rank = rank
      self.communicator = communicator
      self.number = number
    }

    init(_ rank: Int, _ blocked: BlockedCall) {
      self.init(rank: rank, communicator: blocked.communicator, number: blocked.number)
    }
  }

  /// How the search reached a node: from which node, through which call.
  private struct Step {
    let from: Node?
    /// The call in which the previous rank waits.
    let call: Call
    let serial: UInt64
  }

  /// A rank of a cycle: it waits in a call for the rank of the next link.
  private struct Link: Equatable {
    let rank: Int
    let call: Call
    let serial: UInt64
  }

  private static let firstDoubt: UInt64 = 10_000_000
  private static let period: UInt64 = 200_000_000

  private unowned let engine: ProgressEngine
  private var wait: BlockedCall?
  private var hasDoubted = false
  private var roundStart: UInt64 = 0
  private var steps: [Node: Step] = [:]
  private var answered: [Node: Answer] = [:]
  private var lastCycle: [Link]?
  /// The ranks at the ends of chains of waits, as the last complete round found them.
  private var lastRoots: [Int] = []
  /// The waits of other ranks, by rank, as the last two rounds found them.
  private var (lastWaits, earlierWaits): (FoundWaits, FoundWaits) = (FoundWaits(), FoundWaits())

  /// The waits that a round found.
  private struct FoundWaits {
    /// When the round began.
    var round: UInt64 = 0
    /// Each rank's wait and its number.
    var waits: [Int: (wait: AnsweredWait, serial: UInt64)] = [:]
  }

  init(_ engine: ProgressEngine) { self.engine = engine }

  /// Forgets the wait that was examined, because it has ended.
  func forget() {
    engine.control?.dropQuestions()
    wait = nil
    hasDoubted = false
    roundStart = 0
    steps.removeAll()
    answered.removeAll()
    lastCycle = nil
    lastRoots.removeAll()
    (lastWaits, earlierWaits) = (FoundWaits(), FoundWaits())
  }

  /// Continues to examine a wait that has lasted `waited` nanoseconds.
  func look(at blocked: BlockedCall, waited: UInt64, now: UInt64) {
    if blocked.serial != wait?.serial { forget() }
    wait = blocked
    if waited < Detective.firstDoubt { return }
    if !hasDoubted {
      hasDoubted = true
      for rank in blocked.awaited { ask(Node(rank, blocked)) }
    }
    if waited < Detective.period || now &- roundStart < Detective.period { return }
    endRound()
    roundStart = now
    steps.removeAll()
    answered.removeAll()
    for rank in blocked.awaited {
      visit(Node(rank, blocked), Step(from: nil, call: blocked.call, serial: blocked.serial))
    }
  }

  /// The world ranks at the roots of the present wait, found along all chains of waits; nil while they are not known.
  var roots: [Int]? {
    // A rank that was asked just now has had no time to answer.
    if monotonicNanoseconds() &- roundStart > Detective.period / 2 { endRound() }
    return lastRoots.isEmpty ? nil : lastRoots
  }

  /// The waits of other ranks in the chains from the present wait, each of which two rounds found unchanged.
  var waits: [AnsweredWait] {
    lastWaits.waits.values.filter { found in
      earlierWaits.waits[found.wait.rank].map { $0 == found } ?? false
    }.map(\.wait)
  }

  // MARK: - Asking

  private func ask(_ node: Node) {
    guard let agreement = engine.control?.agreement(node.communicator) else {
      return askOfOther(node, running: 0, generation: 0)
    }
    let running =
      CallRecord.ofProcess.find(communicator: node.communicator, number: node.number)?.running ?? 0
    // A call of an earlier generation is not compared.
    let isOld = node.number <= agreement.startNumber
    askOfOther(node, running: isOld ? 0 : running, generation: agreement.generation)
  }

  private func askOfOther(_ node: Node, running: UInt64, generation: UInt64) {
    let question = Question(
      sender: engine.worldRank, communicator: node.communicator,
      // A question without a hash compares nothing.
      generation: running == 0 ? .max : generation, number: node.number, running: running)
    engine.control?.ask(question, of: node.rank)
  }

  private func visit(_ node: Node, _ step: Step) {
    if steps[node] != nil || node.rank == engine.worldRank { return }
    if steps.count >= 256 { return }
    steps[node] = step
    ask(node)
  }

  /// Handles an answer, and asks the ranks that it names.
  func take(_ answer: Answer) {
    let node = Node(
      rank: answer.sender, communicator: answer.communicator, number: answer.number)
    guard let step = steps[node], answered[node] == nil else { return }
    answered[node] = answer
    switch answer.standing {
    case .finished: break
    case .underWay where !step.call.isRooted:
      // The ranks that it waits for in the same call keep this rank waiting too.
      for rank in answer.awaited {
        visit(
          Node(rank: rank, communicator: node.communicator, number: node.number),
          Step(from: node, call: step.call, serial: 0))
      }
    case .underWay: break
    case .notCalled:
      guard let blocked = answer.blocked else { break }
      for rank in blocked.awaited {
        if rank == engine.worldRank {
          closeCycle(at: node, blocked)
        } else {
          visit(
            Node(rank, blocked), Step(from: node, call: blocked.call, serial: blocked.serial))
        }
      }
    }
  }

  /// Handles a cycle: the last rank of a path waits for this rank, which has not made that call. Ends the job if two
  /// rounds found the same cycle.
  private func closeCycle(at end: Node, _ blocked: BlockedCall) {
    guard let wait, wait.call.isCollective, blocked.call.isCollective else { return }
    if let own = engine.control?.agreement(blocked.communicator), own.number >= blocked.number {
      return
    }
    var links = [Link(rank: end.rank, call: blocked.call, serial: blocked.serial)]
    var node = end
    while let step = steps[node], let from = step.from {
      if !step.call.isCollective { return }
      if step.serial != 0 {
        links.append(Link(rank: from.rank, call: step.call, serial: step.serial))
      }
      node = from
    }
    links.append(Link(rank: engine.worldRank, call: wait.call, serial: wait.serial))
    links.reverse()
    if links == lastCycle {
      engine.endJob(Detective.describe(links))
    }
    lastCycle = links
  }

  private static func describe(_ links: [Link]) -> String {
    var text = "a deadlock: rank \(links[0].rank) waits in \(links[0].call)"
    for link in links.dropFirst() {
      text +=
        " for \(describePeers([link.rank])), which waits in \(link.call) on another communicator"
    }
    return text + " for rank \(links[0].rank). All ranks must make the calls of several "
      + "communicators in the same order, or start them (startAllReduce) and wait afterwards"
  }

  // MARK: - Roots

  private func endRound() {
    guard !steps.isEmpty else { return }
    var roots: Set<Int> = []
    for node in steps.keys {
      let answer = answered[node]
      // A rank that has not answered computes, is stopped, or is gone. A rank that has not made the call and waits in
      // no call waits for something else.
      if answer == nil || (answer?.standing == .notCalled && answer?.blocked == nil) {
        roots.insert(node.rank)
      }
    }
    lastRoots = roots.sorted()
    if lastWaits.round != roundStart {
      earlierWaits = lastWaits
      lastWaits.round = roundStart
    }
    lastWaits.waits = foundWaits
  }

  private var foundWaits: [Int: (wait: AnsweredWait, serial: UInt64)] {
    var found: [Int: (wait: AnsweredWait, serial: UInt64)] = [:]
    for (node, answer) in answered {
      if answer.standing == .notCalled, let blocked = answer.blocked {
        found[node.rank] = (AnsweredWait(node.rank, blocked), blocked.serial)
      } else if answer.standing == .underWay, let step = steps[node], found[node.rank] == nil {
        let place = CallPlace(communicator: node.communicator, number: node.number)
        found[node.rank] = (
          AnsweredWait(
            rank: node.rank, words: "\(step.call)", awaited: answer.awaited, call: place), 0
        )
      }
    }
    return found
  }

  // MARK: - Answering

  /// Answers a question of another rank.
  func answer(_ question: Question, about agreement: Agreement?) {
    var standing = Answer.Standing.notCalled
    var awaited: [Int] = []
    if let agreement, agreement.number >= question.number {
      standing = .finished
      if let found = engine.awaitedRanks(of: agreement, number: question.number) {
        standing = .underWay
        awaited = found
      }
    }
    let answer = Answer(
      sender: engine.worldRank, communicator: question.communicator, number: question.number,
      standing: standing, awaited: awaited, blocked: engine.blockedCall)
    engine.control?.send(to: question.sender) { answer.write(to: $0) }
  }
}

extension AnsweredWait {
  fileprivate init(_ rank: Int, _ blocked: BlockedCall) {
    let isCall = blocked.call.isCollective
    self.init(
      rank: rank, words: isCall ? "\(blocked.call)" : "a wait for a message",
      awaited: blocked.awaited,
      call: isCall ? CallPlace(communicator: blocked.communicator, number: blocked.number) : nil)
  }
}

extension Call {
  /// Whether the call is a collective of all ranks of a communicator. Otherwise it is a wait for a message, which may
  /// be in flight.
  var isCollective: Bool { Kind(rawValue: UInt8(truncatingIfNeeded: head)) != .message }

  /// Whether some ranks may finish the call before others have begun it.
  var isRooted: Bool {
    switch Kind(rawValue: UInt8(truncatingIfNeeded: head)) {
    case .broadcast, .reduce, .gather, .scatter: true
    default: false
    }
  }
}
