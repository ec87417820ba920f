/// Runs all ranks' schedules together with symbols for numbers, and proves what is promised of them.
///
/// Every element carries the set of ranks whose values it contains and a hash of the expression that
/// made it. A schedule is refused if a contribution arrives twice or not at all, if a value is used
/// before it is there or changed while it is being sent, if ranks end with different expressions
/// (their results could differ in bits), or if ranks wait for each other for ever. Messages are the
/// least obliging that MPI allows: a send ends only when the receiver has the message.
///
/// It also counts: steps on the critical path, elements sent, and the rounds for a picture.
package struct ScheduleVerifier {
  /// Why a set of schedules is wrong.
  package struct Failure: Error, CustomStringConvertible, Equatable {
    package let description: String
  }

  /// One element's content.
  package struct Value: Equatable, Sendable {
    /// Bit r is set if rank r's value is contained.
    package var ranks: UInt64
    /// Grows with the expression; addition is commutative, so the order of two operands is ignored.
    var expression: UInt64
    var isFinished: Bool
  }

  /// One message of the picture.
  package struct Transfer: Equatable, Sendable {
    package let source: Int
    package let destination: Int
    package let range: Range<Int>
    /// Whether the receiver combines it with what it has.
    package let isReduced: Bool
    /// The round in which it travels, from 0.
    package let round: Int
  }

  /// What was counted.
  package struct Measures: Equatable, Sendable {
    /// Rounds until all is done, if a message takes one round, a rank sends and receives one message
    /// a round, and arithmetic takes no time.
    package var steps = 0
    /// Elements sent, a rank each.
    package var elementsSent: [Int]
    /// Every message, by round.
    package var transfers: [Transfer] = []
    /// What each rank holds at the end of each round: `states[round][rank][element]`.
    package var states: [[[Value]]] = []
  }

  /// In which order steps that could run at once are run. Every order must give the same result.
  package enum Order: Sendable {
    /// As in the rounds that are counted.
    case byRound
    case newestFirst
    case shuffled(seed: UInt64)
  }

  private let collective: Collective
  private let schedules: [Schedule]
  private let order: Order
  private var buffers: [[Value]]
  private var scratch: [[Value?]]
  private var waits: [[Int32]]
  private var readyAt: [[Int]]
  private var runnable: [(rank: Int, step: Int)] = []
  /// With `byRound`, the steps that become runnable in each round, and the present round.
  private var rounds: [[(rank: Int, step: Int)]] = []
  private var round = 0
  /// The round in which a rank can next send, and next receive.
  private var sendFree: [Int]
  private var receiveFree: [Int]
  private var sends: [Channel: (step: Int, content: [Value])] = [:]
  private var receives: [Channel: Int] = [:]
  private var remaining: Int
  private var measures: Measures
  private var random: UInt64

  private struct Channel: Hashable {
    var source: Int
    var destination: Int
    var message: Int
  }

  /// Verifies the schedules of ranks 0..<p, at most 64 of them.
  ///
  /// - Parameters:
  ///   - collective: What they are meant to do.
  ///   - schedules: One a rank, in rank order.
  ///   - order: The order of steps that could run at once.
  ///   - keepStates: Whether to note what each rank holds after every round.
  /// - Returns: What was counted.
  /// - Throws: What is wrong, in a sentence.
  package static func verify(
    _ collective: Collective, _ schedules: [Schedule], order: Order = .byRound,
    keepStates: Bool = false
  ) throws(Failure) -> Measures {
    var verifier = ScheduleVerifier(collective, schedules, order)
    try verifier.run()
    try verifier.checkOutcome()
    if keepStates { verifier.measures.states = verifier.replayRounds() }
    return verifier.measures
  }

  private init(_ collective: Collective, _ schedules: [Schedule], _ order: Order) {
    precondition(schedules.count <= 64, "The verifier keeps ranks in the bits of a word: 64.")
    self.collective = collective
    self.schedules = schedules
    self.order = order
    buffers = schedules.map { ScheduleVerifier.initialBuffer(collective, $0) }
    scratch = schedules.map { [Value?](repeating: nil, count: $0.scratchCount) }
    waits = schedules.map(\.dependencyCounts)
    readyAt = schedules.map { [Int](repeating: 0, count: $0.steps.count) }
    sendFree = schedules.map { _ in 0 }
    receiveFree = schedules.map { _ in 0 }
    remaining = schedules.reduce(0) { $0 + $1.steps.count }
    measures = Measures(elementsSent: schedules.map(\.elementsSent))
    random = if case .shuffled(let seed) = order { seed &* 2 &+ 1 } else { 1 }
    for (rank, schedule) in schedules.enumerated() {
      for step in schedule.steps.indices where schedule.dependencyCounts[step] == 0 {
        add(rank, step)
      }
    }
  }

  /// What a rank holds at the start; values that are not part of the input have no rank.
  private static func initialBuffer(_ collective: Collective, _ schedule: Schedule) -> [Value] {
    let blocks = BlockPartition(count: schedule.count, parts: schedule.size)
    return (0..<schedule.count).map { element in
      let isInput =
        switch collective {
        case .allReduce, .reduceScatter, .reduce: true
        case .allGather: blocks[schedule.rank].contains(element)
        case .broadcast(let root): schedule.rank == root
        }
      return Value(
        ranks: isInput ? 1 << UInt64(schedule.rank) : 0,
        expression: mix(UInt64(schedule.rank) &+ 1, UInt64(element) &+ 1), isFinished: false)
    }
  }

  private mutating func run() throws(Failure) {
    while let (rank, step) = nextRunnable() { try start(rank, step) }
    guard remaining == 0 else {
      let stuck = schedules.indices.filter { rank in waits[rank].contains { $0 > 0 } }
      throw Failure(
        description: "deadlock: \(remaining) steps never end; ranks \(stuck) wait for each other")
    }
  }

  private mutating func add(_ rank: Int, _ step: Int) {
    guard case .byRound = order else {
      runnable.append((rank, step))
      return
    }
    let ready = readyAt[rank][step]
    while rounds.count <= ready { rounds.append([]) }
    rounds[ready].append((rank, step))
  }

  private mutating func nextRunnable() -> (rank: Int, step: Int)? {
    if case .byRound = order, runnable.isEmpty {
      while round < rounds.count && rounds[round].isEmpty { round += 1 }
      if round == rounds.count { return nil }
      runnable = rounds[round].reversed()
      rounds[round] = []
    }
    if case .shuffled = order, !runnable.isEmpty {
      random = ScheduleVerifier.mix(random, 0x9E37)
      runnable.swapAt(Int(random % UInt64(runnable.count)), runnable.count - 1)
    }
    return runnable.popLast()
  }

  private mutating func start(_ rank: Int, _ step: Int) throws(Failure) {
    switch schedules[rank].steps[step] {
    case .send(let range, let peer, let message):
      let channel = Channel(source: rank, destination: peer, message: message)
      sends[channel] = (step, Array(buffers[rank][range]))
      try deliver(channel)
    case .receive(_, let peer, let message), .receiveToScratch(_, let peer, let message):
      let channel = Channel(source: peer, destination: rank, message: message)
      receives[channel] = step
      try deliver(channel)
    case .reduce(let range, let offset, _):
      for (index, element) in range.enumerated() {
        guard let arrived = scratch[rank][offset + index] else {
          throw Failure(description: "rank \(rank) adds scratch memory that nothing arrived in")
        }
        buffers[rank][element] = try combine(buffers[rank][element], arrived, rank, element)
      }
      for index in range.indices { scratch[rank][offset + index - range.lowerBound] = nil }
      end(rank, step, at: readyAt[rank][step])
    case .finish(let range):
      for element in range {
        guard !buffers[rank][element].isFinished, isComplete(buffers[rank][element]) else {
          throw Failure(
            description: "rank \(rank) finishes element \(element) twice or before it is complete")
        }
        buffers[rank][element].isFinished = true
      }
      end(rank, step, at: readyAt[rank][step])
    }
  }

  /// Moves a message whose both ends are ready.
  private mutating func deliver(_ channel: Channel) throws(Failure) {
    guard let (sendStep, content) = sends[channel], let receiveStep = receives[channel] else {
      return
    }
    sends[channel] = nil
    receives[channel] = nil
    guard case .send(let sent, _, _) = schedules[channel.source].steps[sendStep],
      Array(buffers[channel.source][sent]) == content
    else {
      throw Failure(
        description: "rank \(channel.source) changes a range while it is being sent to "
          + "rank \(channel.destination)")
    }
    let rank = channel.destination
    let isReduced: Bool
    let target: Range<Int>
    switch schedules[rank].steps[receiveStep] {
    case .receive(let range, _, _):
      (target, isReduced) = (range, false)
      guard range == sent else { throw sizeFailure(channel, sent, range) }
      buffers[rank].replaceSubrange(range, with: content)
    case .receiveToScratch(let range, _, _):
      (target, isReduced) = (range, true)
      guard range.count == sent.count else { throw sizeFailure(channel, sent, range) }
      guard range.allSatisfy({ scratch[rank][$0] == nil }) else {
        throw Failure(description: "rank \(rank) overwrites scratch memory before it was added")
      }
      for (index, place) in range.enumerated() { scratch[rank][place] = content[index] }
    case .send, .reduce, .finish: preconditionFailure("only receives are noted as receives")
    }
    precondition(target.count == sent.count)
    let round = max(
      readyAt[channel.source][sendStep], readyAt[rank][receiveStep], sendFree[channel.source],
      receiveFree[rank])
    sendFree[channel.source] = round + 1
    receiveFree[rank] = round + 1
    measures.transfers.append(
      Transfer(
        source: channel.source, destination: rank, range: sent, isReduced: isReduced, round: round))
    measures.steps = max(measures.steps, round + 1)
    end(channel.source, sendStep, at: round + 1)
    end(rank, receiveStep, at: round + 1)
  }

  private mutating func end(_ rank: Int, _ step: Int, at time: Int) {
    remaining -= 1
    for successor in schedules[rank].successors(of: step).map(Int.init) {
      readyAt[rank][successor] = max(readyAt[rank][successor], time)
      waits[rank][successor] -= 1
      if waits[rank][successor] == 0 { add(rank, successor) }
    }
  }

  private func combine(
    _ mine: Value, _ theirs: Value, _ rank: Int, _ element: Int
  ) throws(Failure) -> Value {
    guard mine.ranks & theirs.ranks == 0 else {
      throw Failure(description: "rank \(rank) adds a contribution twice to element \(element)")
    }
    guard mine.ranks != 0, theirs.ranks != 0, !mine.isFinished, !theirs.isFinished else {
      throw Failure(description: "rank \(rank) adds something that is no partial result")
    }
    let (low, high) = (
      min(mine.expression, theirs.expression), max(mine.expression, theirs.expression)
    )
    return Value(
      ranks: mine.ranks | theirs.ranks, expression: ScheduleVerifier.mix(low, high),
      isFinished: false)
  }

  private func isComplete(_ value: Value) -> Bool {
    value.ranks == (schedules.count == 64 ? ~0 : (1 << UInt64(schedules.count)) - 1)
  }

  private func checkOutcome() throws(Failure) {
    guard let first = schedules.first else { return }
    let blocks = BlockPartition(count: first.count, parts: first.size)
    for (rank, buffer) in buffers.enumerated() {
      for (element, value) in buffer.enumerated() {
        let owner = blocks.firstIndex { $0.contains(element) } ?? 0
        let isRight =
          switch collective {
          case .allReduce:
            isComplete(value) && value.isFinished && value == buffers[0][element]
          case .reduceScatter: rank != owner || (isComplete(value) && value.isFinished)
          case .reduce(let root): rank != root || (isComplete(value) && value.isFinished)
          case .allGather: value.ranks == 1 << UInt64(owner) && value == buffers[owner][element]
          case .broadcast(let root):
            value.ranks == 1 << UInt64(root) && value == buffers[root][element]
          }
        guard isRight else {
          throw Failure(
            description: "\(collective): rank \(rank) ends with a wrong element \(element)")
        }
      }
    }
  }

  private func sizeFailure(_ channel: Channel, _ sent: Range<Int>, _ received: Range<Int>)
    -> Failure
  {
    Failure(
      description: "rank \(channel.source) sends \(sent) as message \(channel.message), but rank "
        + "\(channel.destination) receives \(received)")
  }

  /// What each rank holds after each round, for the picture: the messages again, in their order.
  private func replayRounds() -> [[[Value]]] {
    var now = schedules.map { ScheduleVerifier.initialBuffer(collective, $0) }
    var states: [[[Value]]] = []
    for round in 0..<measures.steps {
      let before = now
      for transfer in measures.transfers where transfer.round == round {
        for element in transfer.range {
          let sent = before[transfer.source][element]
          if transfer.isReduced {
            now[transfer.destination][element].ranks |= sent.ranks
          } else {
            now[transfer.destination][element] = sent
          }
        }
      }
      states.append(now)
    }
    return states
  }

  /// Scrambles two words into one (the finaliser of SplitMix64).
  private static func mix(_ a: UInt64, _ b: UInt64) -> UInt64 {
    var z = a &* 0x9E37_79B9_7F4A_7C15 &+ b &* 0xD1B5_4A32_D192_ED03 &+ 0x1234_5678_9ABC_DEF1
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
