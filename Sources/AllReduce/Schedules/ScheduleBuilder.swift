package import AllReduceMPI

/// Turns an algorithm, given as one rank's sequence of sends and receives, into a ``Schedule``.
///
/// The algorithm only says what is sent and received, in textbook order. The builder cuts every range into segments,
/// and derives from the ranges which step has to wait for which. So a segment that has been received and combined is
/// sent to the next rank while the following segment is still arriving: algorithms are pipelined without any code for
/// it. For a 16-bit wire format the builder also adds the steps that narrow, widen and round values, so that algorithms
/// need not know about the format.
package struct ScheduleBuilder {
  package let rank: Int
  package let size: Int
  package let count: Int
  /// The format in which elements are sent.
  package let wireFormat: WireFormat
  /// Whether other ranks receive this rank's results. If so, the results are rounded here too, so that all ranks have
  /// the same values.
  package var sharesResults = false

  /// The maximum number of elements in a message.
  private let segment: Int
  /// The maximum number of messages in flight to each peer, and from each peer; also the maximum number of slots of
  /// scratch memory for each peer and direction.
  private let window: Int

  private var steps: [Schedule.Step] = []
  private var dependencies: [[Int32]] = []
  private var buffer = HazardTracker()
  private var outgoing: [Int: Channel] = [:]
  private var incoming: [Int: Channel] = [:]
  /// The slots for copies of this rank's own values.
  private var aside = Channel()
  private var slotCount = 0

  package init(
    rank: Int, size: Int, count: Int, segment: Int, wireFormat: WireFormat = .full, window: Int = 4
  ) {
    precondition(
      size >= 1 && rank >= 0 && rank < size, "rank must be 0 to \(size - 1), not \(rank).")
    precondition(
      count >= 0 && segment >= 1 && window >= 1,
      "A schedule needs 0 elements or more in segments of 1 or more, and a window of 1 or more, not "
        + "\(count), \(segment) and \(window).")
    self.rank = rank
    self.size = size
    self.count = count
    self.segment = min(segment, max(count, 1))
    self.wireFormat = wireFormat
    self.window = window
  }

  /// The range of the whole buffer.
  package var all: Range<Int> { 0..<count }

  /// Sends a range to another rank.
  package mutating func send(_ range: Range<Int>, to peer: Int) {
    for part in segments(of: range) {
      if wireFormat == .full { sendAsIs(part, to: peer) } else { sendEncoded(part, to: peer) }
    }
  }

  private mutating func sendAsIs(_ part: Range<Int>, to peer: Int) {
    let step = nextStep
    var waits: [Int32] = []
    buffer.read(part, by: step, waitingFor: &waits)
    let message = outgoing[peer, default: Channel()].add(step, window, waitingFor: &waits)
    append(.send(part, to: peer, message: message), waits)
  }

  private mutating func sendEncoded(_ part: Range<Int>, to peer: Int) {
    var channel = outgoing[peer, default: Channel()]
    let encoding = nextStep
    var waits: [Int32] = []
    let slot = channel.takeSlot(window, &slotCount, waitingFor: &waits)
    let offset = slot.number * segment
    buffer.read(part, by: encoding, waitingFor: &waits)
    append(.encode(part, scratch: offset), waits)

    let sending = nextStep
    waits = [encoding]
    let message = channel.add(sending, window, waitingFor: &waits)
    append(.sendEncoded(part, scratch: offset, to: peer, message: message), waits)
    channel.note(sending, asLastUserOf: slot)
    outgoing[peer] = channel
  }

  /// Receives a range from another rank into the same range of the buffer.
  package mutating func receive(_ range: Range<Int>, from peer: Int) {
    for part in segments(of: range) {
      if wireFormat == .full {
        let step = nextStep
        var waits: [Int32] = []
        buffer.write(part, by: step, waitingFor: &waits)
        let message = incoming[peer, default: Channel()].add(step, window, waitingFor: &waits)
        append(.receive(part, from: peer, message: message), waits)
      } else {
        receive(part, from: peer) { .decode(part, scratch: $0) }
      }
    }
  }

  /// Receives a range from another rank and combines it into this rank's values.
  package mutating func receiveAndReduce(_ range: Range<Int>, from peer: Int) {
    for part in segments(of: range) {
      receive(part, from: peer) { .reduce(part, scratch: $0, isExchange: false) }
    }
  }

  /// Receives a part into a slot of scratch memory, and adds the step `taking`, which writes the part from there to the
  /// buffer.
  private mutating func receive(
    _ part: Range<Int>, from peer: Int, then taking: (_ scratch: Int) -> Schedule.Step
  ) {
    var channel = incoming[peer, default: Channel()]
    let arrival = nextStep
    var waits: [Int32] = []
    let slot = channel.takeSlot(window, &slotCount, waitingFor: &waits)
    let offset = slot.number * segment
    let message = channel.add(arrival, window, waitingFor: &waits)
    append(.receiveToScratch(offset..<offset + part.count, from: peer, message: message), waits)

    let use = nextStep
    waits = [arrival]
    buffer.write(part, by: use, waitingFor: &waits)
    append(taking(offset), waits)
    channel.note(use, asLastUserOf: slot)
    incoming[peer] = channel
  }

  /// Exchanges a range with another rank, and combines the values of the two ranks. Both ranks then hold the same bits.
  package mutating func exchangeAndReduce(_ range: Range<Int>, with peer: Int) {
    round(range)
    send(range, to: peer)
    for part in segments(of: range) {
      receive(part, from: peer) { .reduce(part, scratch: $0, isExchange: true) }
    }
  }

  /// Receives a part from every other rank, and combines the values of all ranks, this one included, in rank order, so
  /// that all ranks hold the same bits.
  package mutating func reduceInRankOrder(_ part: Range<Int>) {
    // The sums of ranks 0 and 1 begin with their own values; on other ranks these are copied, and combined later, in
    // rank order.
    let own = rank >= 2 ? putAside(part) : nil
    for peer in 0..<size {
      if peer != rank {
        receive(part, from: peer) {
          peer == 0 && own != nil
            ? .decode(part, scratch: $0) : .reduce(part, scratch: $0, isExchange: true)
        }
      } else if let own {
        takeBack(part, own)
      }
    }
  }

  /// Copies a part into a slot of scratch memory, and returns the slot.
  private mutating func putAside(_ part: Range<Int>) -> Channel.Slot {
    var waits: [Int32] = []
    let slot = aside.takeSlot(window, &slotCount, waitingFor: &waits)
    buffer.read(part, by: nextStep, waitingFor: &waits)
    aside.note(nextStep, asLastUserOf: slot)
    append(.encode(part, scratch: slot.number * segment), waits)
    return slot
  }

  /// Combines the copy that ``putAside(_:)`` made of a part into that part of the buffer.
  private mutating func takeBack(_ part: Range<Int>, _ slot: Channel.Slot) {
    var waits = [aside.lastUser(of: slot)]
    buffer.write(part, by: nextStep, waitingFor: &waits)
    aside.note(nextStep, asLastUserOf: slot)
    append(.reduce(part, scratch: slot.number * segment, isExchange: true), waits)
  }

  /// Completes a range that contains all ranks' contributions: a mean is divided here.
  package mutating func finish(_ range: Range<Int>) {
    for part in segments(of: range) { change(part, by: .finish(part)) }
    if sharesResults { round(range) }
  }

  /// Rounds a range to the values that other ranks will receive. Does nothing if elements are sent as they are, or if
  /// there is only one rank.
  package mutating func round(_ range: Range<Int>) {
    if wireFormat == .full || size == 1 { return }
    for part in segments(of: range) { change(part, by: .round(part)) }
  }

  private mutating func change(_ part: Range<Int>, by step: Schedule.Step) {
    var waits: [Int32] = []
    buffer.write(part, by: nextStep, waitingFor: &waits)
    append(step, waits)
  }

  /// Returns the schedule of the calls so far.
  package func build() -> Schedule {
    var counts = [Int32](repeating: 0, count: steps.count)
    var starts = [Int32](repeating: 0, count: steps.count + 1)
    for (step, waits) in dependencies.enumerated() {
      counts[step] = Int32(waits.count)
      for earlier in waits { starts[Int(earlier) + 1] += 1 }
    }
    for step in 0..<steps.count { starts[step + 1] += starts[step] }
    var successors = [Int32](repeating: 0, count: Int(starts[steps.count]))
    var next = starts
    for (step, waits) in dependencies.enumerated() {
      for earlier in waits {
        successors[Int(next[Int(earlier)])] = Int32(step)
        next[Int(earlier)] += 1
      }
    }
    return Schedule(
      rank: rank, size: size, count: count, wireFormat: wireFormat,
      scratchCount: slotCount * segment,
      mostUnderWay: (outgoing.count + incoming.count) * window,
      channelCount: outgoing.count + incoming.count, steps: steps,
      dependencyCounts: counts, successorStarts: starts, successors: successors)
  }

  /// Cuts a range into parts that each fit into a message.
  package func segments(of range: Range<Int>) -> [Range<Int>] {
    stride(from: range.lowerBound, to: range.upperBound, by: segment).map {
      $0..<min($0 + segment, range.upperBound)
    }
  }

  /// The number of the step that is appended next, from 0.
  private var nextStep: Int32 { Int32(steps.count) }

  private mutating func append(_ step: Schedule.Step, _ waits: [Int32]) {
    steps.append(step)
    dependencies.append(waits.count > 1 ? Array(Set(waits)).sorted() : waits)
  }
}
