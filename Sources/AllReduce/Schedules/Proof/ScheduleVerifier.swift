/// Runs the schedules of all ranks together, with symbols instead of numbers, and proves that they are correct.
///
/// Every element carries the set of ranks whose values it contains and a hash of the expression that made it. A
/// schedule is refused if a contribution arrives twice or not at all, if a value is used before it is there or changed
/// while it is being sent, if ranks end with different expressions (their results could differ in bits; rounding to a
/// 16-bit wire format counts as part of the expression), if elements are sent in the wrong format, or if ranks wait for
/// each other forever. Messages are as strict as MPI is allowed to be: a send completes only when its message has been
/// received.
///
/// It also counts the steps on the critical path and the elements sent, and records the rounds for a picture.
package struct ScheduleVerifier {
  /// The order in which steps that are ready at the same time are run. Every order must give the same result.
  package enum Order: Sendable {
    /// The order of the rounds that are counted (``ScheduleVerifier/Measures/steps``).
    case byRound
    case newestFirst
    case shuffled(seed: UInt64)
  }

  let collective: Collective
  let schedules: [Schedule]
  private let order: Order
  private(set) var buffers: [[Value]]
  var scratch: [[Value?]]
  private var waits: [[Int32]]
  private var readyAt: [[Int]]
  private var runnable: [(rank: Int, step: Int)] = []
  /// With `byRound`, the steps that become runnable in each round.
  private var rounds: [[(rank: Int, step: Int)]] = []
  /// With `byRound`, the present round.
  private var round = 0
  /// With `byRound`, the messages whose sends and receives are ready.
  private var matched: [Message] = []
  /// The changes of the elements at ``places``.
  var changes: [Change] = []
  /// The elements whose values are recorded for each round, ascending.
  let places: [Int]
  /// The first round in which each rank can send its next message.
  private var sendFree: [Int]
  /// The first round in which each rank can receive its next message.
  private var receiveFree: [Int]
  private var sends: [Channel: (range: Range<Int>, step: Int, content: [Value])] = [:]
  private var receives: [Channel: Int] = [:]
  private var remaining: Int
  private(set) var measures: Measures
  private var random: UInt64

  /// A message whose send and receive are both ready, since the round `readyAt`.
  private struct Message {
    var readyAt: Int
    var channel: Channel
    var sendStep: Int
    var receiveStep: Int
    var range: Range<Int>
    var content: [Value]
  }

  /// A change: the value that an element of a rank's buffer has from the start of a round on.
  struct Change {
    var round: Int
    var rank: Int
    /// The index of the element in ``ScheduleVerifier/places``.
    var place: Int
    var value: Value
  }

  private struct Channel: Hashable {
    var source: Int
    var destination: Int
    var message: Int
  }

  /// Verifies the schedules of ranks 0..<p, for p up to 64.
  ///
  /// - Parameters:
  ///   - collective: The collective that the schedules must carry out.
  ///   - schedules: One schedule per rank, in rank order.
  ///   - order: The order of steps that are ready at the same time.
  ///   - places: The elements, ascending, whose values on each rank are recorded after every round.
  /// - Returns: The measures of the schedules, such as steps and elements sent.
  /// - Throws: ``Failure`` with a sentence that says what is wrong.
  package static func verify(
    _ collective: Collective, _ schedules: [Schedule], order: Order = .byRound,
    statesOf places: [Int] = []
  ) throws(Failure) -> Measures {
    var verifier = ScheduleVerifier(collective, schedules, order, places)
    try verifier.run()
    verifier.measures.roundings = try verifier.checkOutcome()
    if !places.isEmpty { verifier.measures.states = verifier.statesByRound() }
    return verifier.measures
  }

  private init(
    _ collective: Collective, _ schedules: [Schedule], _ order: Order, _ places: [Int]
  ) {
    precondition(schedules.count <= 64, "The verifier keeps ranks in the bits of a word: 64.")
    self.collective = collective
    self.schedules = schedules
    self.order = order
    self.places = places
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

  private mutating func run() throws(Failure) {
    repeat {
      while let (rank, step) = nextRunnable() { try start(rank, step) }
    } while try travel()
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
    if case .byRound = order, runnable.isEmpty, round < rounds.count {
      swap(&runnable, &rounds[round])
    }
    if case .shuffled = order, !runnable.isEmpty {
      random = ScheduleVerifier.mix(random, 0x9E37)
      runnable.swapAt(Int(random % UInt64(runnable.count)), runnable.count - 1)
    }
    return runnable.popLast()
  }

  /// Delivers the messages of a round; returns false if no messages were ready.
  ///
  /// First come, first served, as an MPI library does with posted messages. Messages that became ready at the same time
  /// are delivered in the order of the steps.
  private mutating func travel() throws(Failure) -> Bool {
    if matched.isEmpty { return false }
    matched.sort {
      ($0.readyAt, $0.sendStep, $0.receiveStep, $0.channel.source)
        < ($1.readyAt, $1.sendStep, $1.receiveStep, $1.channel.source)
    }
    var waiting: [Message] = []
    for message in matched {
      let channel = message.channel
      if sendFree[channel.source] <= round && receiveFree[channel.destination] <= round {
        try deliver(message)
      } else {
        waiting.append(message)
      }
    }
    matched = waiting
    round += 1
    return true
  }

  private mutating func start(_ rank: Int, _ step: Int) throws(Failure) {
    let present = schedules[rank].steps[step]
    switch present {
    case .send(let range, let peer, let message),
      .sendEncoded(let range, _, let peer, let message):
      let channel = Channel(source: rank, destination: peer, message: message)
      sends[channel] = (range, step, try content(of: present, on: rank))
      try match(channel)
    case .receive(_, let peer, let message), .receiveToScratch(_, let peer, let message):
      let channel = Channel(source: peer, destination: rank, message: message)
      receives[channel] = step
      try match(channel)
    case .reduce(let range, let offset, _):
      for (index, element) in range.enumerated() {
        let arrived = try takeScratch(offset + index, of: rank)
        buffers[rank][element] = try combine(buffers[rank][element], arrived, rank, element)
      }
      note(range, of: rank, from: readyAt[rank][step])
      end(rank, step, at: readyAt[rank][step])
    case .decode(let range, let offset):
      for (index, element) in range.enumerated() {
        buffers[rank][element] = try takeScratch(offset + index, of: rank)
      }
      note(range, of: rank, from: readyAt[rank][step])
      end(rank, step, at: readyAt[rank][step])
    case .encode(let range, let offset):
      let isFull = schedules[rank].wireFormat == .full
      for (index, element) in range.enumerated() {
        let value = buffers[rank][element]
        try fillScratch(offset + index, of: rank, isFull ? value : value.rounded)
      }
      end(rank, step, at: readyAt[rank][step])
    case .round(let range):
      for element in range { buffers[rank][element] = buffers[rank][element].rounded }
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

  /// Checks whether the send and the receive of a channel's message are both ready; if so, the message can be
  /// delivered.
  private mutating func match(_ channel: Channel) throws(Failure) {
    guard let (range, sendStep, content) = sends[channel], let receiveStep = receives[channel]
    else {
      return
    }
    sends[channel] = nil
    receives[channel] = nil
    let message = Message(
      readyAt: round, channel: channel, sendStep: sendStep, receiveStep: receiveStep,
      range: range, content: content)
    if case .byRound = order { matched.append(message) } else { try deliver(message) }
  }

  private mutating func deliver(_ message: Message) throws(Failure) {
    let (channel, sendStep, receiveStep) = (message.channel, message.sendStep, message.receiveStep)
    let (sent, sending) = (message.range, schedules[channel.source].steps[sendStep])
    guard try content(of: sending, on: channel.source) == message.content else {
      throw Failure(
        description: "rank \(channel.source) changes a range while it is being sent to "
          + "rank \(channel.destination)")
    }
    // The narrowed elements have been sent: their scratch memory may be used again.
    if case .sendEncoded(_, let offset, _, _) = sending {
      for index in sent.indices { scratch[channel.source][offset + index - sent.lowerBound] = nil }
    }
    let rank = channel.destination
    let isReduced: Bool
    switch schedules[rank].steps[receiveStep] {
    case .receive(let range, _, _):
      // Only an all-to-all moves elements to other places.
      guard collective == .allToAll ? range.count == sent.count : range == sent else {
        throw sizeFailure(channel, sent, range)
      }
      buffers[rank].replaceSubrange(range, with: message.content)
      isReduced = false
    case .receiveToScratch(let range, _, _):
      guard range.count == sent.count else { throw sizeFailure(channel, sent, range) }
      for (index, place) in range.enumerated() {
        try fillScratch(place, of: rank, message.content[index])
      }
      isReduced = schedules[rank].successors(of: receiveStep).contains {
        if case .reduce = schedules[rank].steps[Int($0)] { true } else { false }
      }
    default: preconditionFailure("only receives are noted as receives")
    }
    let round = max(
      readyAt[channel.source][sendStep], readyAt[rank][receiveStep], sendFree[channel.source],
      receiveFree[rank])
    sendFree[channel.source] = round + 1
    receiveFree[rank] = round + 1
    measures.transfers.append(
      Transfer(
        source: channel.source, destination: rank, range: sent, isReduced: isReduced, round: round))
    measures.steps = max(measures.steps, round + 1)
    if case .receive(let range, _, _) = schedules[rank].steps[receiveStep] {
      note(range, of: rank, from: round + 1)
    }
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

  private func sizeFailure(_ channel: Channel, _ sent: Range<Int>, _ received: Range<Int>)
    -> Failure
  {
    Failure(
      description: "rank \(channel.source) sends \(sent) as message \(channel.message), but rank "
        + "\(channel.destination) receives \(received)")
  }
}
