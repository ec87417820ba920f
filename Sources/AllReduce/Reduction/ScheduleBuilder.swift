/// Turns an algorithm, told as one rank's sequence of sends and receives, into a ``Schedule``.
///
/// The algorithm says only what moves, in the order of the textbook. The builder cuts every range
/// into segments and finds out from the ranges which step has to wait for which. So a segment that
/// has been received and added goes on to the next rank while the following one is still arriving:
/// pipelining is not written anywhere, it follows.
package struct ScheduleBuilder {
  package let rank: Int
  package let size: Int
  package let count: Int

  /// The most elements a message carries.
  private let segment: Int
  /// How many messages may be under way to one rank, and from one rank; also how many segments of
  /// scratch memory a sender fills ahead of the additions.
  private let window: Int

  private var steps: [Schedule.Step] = []
  private var dependencies: [[Int32]] = []
  private var buffer = HazardTracker()
  private var outgoing: [Int: Channel] = [:]
  private var incoming: [Int: Channel] = [:]
  private var scratchSlots = 0

  /// The messages to or from one other rank.
  private struct Channel {
    var messages: [Int32] = []
    /// Scratch segments, used in turn, and the step that last read each.
    var slots: [Int] = []
    var slotReaders: [Int32] = []
    var nextSlot = 0

    /// Numbers a message, and makes it wait for the one that is `window` before it.
    mutating func add(
      _ step: Int32, _ window: Int, waitingFor dependencies: inout [Int32]
    ) -> Int {
      if messages.count >= window { dependencies.append(messages[messages.count - window]) }
      messages.append(step)
      return messages.count - 1
    }
  }

  package init(rank: Int, size: Int, count: Int, segment: Int, window: Int = 4) {
    precondition(size >= 1 && rank >= 0 && rank < size, "rank \(rank) is not one of \(size).")
    precondition(count >= 0 && segment >= 1 && window >= 1)
    self.rank = rank
    self.size = size
    self.count = count
    self.segment = min(segment, max(count, 1))
    self.window = window
  }

  /// The whole buffer.
  package var all: Range<Int> { 0..<count }

  /// Sends a range to another rank.
  package mutating func send(_ range: Range<Int>, to peer: Int) {
    for part in segments(of: range) {
      let step = Int32(steps.count)
      var waits: [Int32] = []
      buffer.read(part, by: step, waitingFor: &waits)
      let message = outgoing[peer, default: Channel()].add(step, window, waitingFor: &waits)
      append(.send(part, to: peer, message: message), waits)
    }
  }

  /// Receives a range from another rank into its place.
  package mutating func receive(_ range: Range<Int>, from peer: Int) {
    for part in segments(of: range) {
      let step = Int32(steps.count)
      var waits: [Int32] = []
      buffer.write(part, by: step, waitingFor: &waits)
      let message = incoming[peer, default: Channel()].add(step, window, waitingFor: &waits)
      append(.receive(part, from: peer, message: message), waits)
    }
  }

  /// Receives a range from another rank and combines it into this rank's values.
  package mutating func receiveAndReduce(_ range: Range<Int>, from peer: Int) {
    receiveAndReduce(range, from: peer, isExchange: false)
  }

  private mutating func receiveAndReduce(
    _ range: Range<Int>, from peer: Int, isExchange: Bool
  ) {
    for part in segments(of: range) {
      var channel = incoming[peer, default: Channel()]
      if channel.slots.count < window {
        channel.slots.append(scratchSlots * segment)
        channel.slotReaders.append(-1)
        scratchSlots += 1
        channel.nextSlot = channel.slots.count - 1
      }
      let slot = channel.nextSlot
      channel.nextSlot = (slot + 1) % window
      let offset = channel.slots[slot]

      let arrival = Int32(steps.count)
      var waits: [Int32] = channel.slotReaders[slot] >= 0 ? [channel.slotReaders[slot]] : []
      let message = channel.add(arrival, window, waitingFor: &waits)
      append(
        .receiveToScratch(offset..<offset + part.count, from: peer, message: message), waits)

      let addition = Int32(steps.count)
      waits = [arrival]
      buffer.write(part, by: addition, waitingFor: &waits)
      append(.reduce(part, scratch: offset, isExchange: isExchange), waits)
      channel.slotReaders[slot] = addition
      incoming[peer] = channel
    }
  }

  /// Sends a range to another rank, which sends its own, and combines the two: both ranks then hold
  /// the same bits.
  package mutating func exchangeAndReduce(_ range: Range<Int>, with peer: Int) {
    send(range, to: peer)
    receiveAndReduce(range, from: peer, isExchange: true)
  }

  /// The values of a range are complete on this rank.
  package mutating func finish(_ range: Range<Int>) {
    for part in segments(of: range) {
      let step = Int32(steps.count)
      var waits: [Int32] = []
      buffer.write(part, by: step, waitingFor: &waits)
      append(.finish(part), waits)
    }
  }

  /// The schedule of what was told so far.
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
      rank: rank, size: size, count: count, scratchCount: scratchSlots * segment, steps: steps,
      dependencyCounts: counts, successorStarts: starts, successors: successors)
  }

  private func segments(of range: Range<Int>) -> [Range<Int>] {
    stride(from: range.lowerBound, to: range.upperBound, by: segment).map {
      $0..<min($0 + segment, range.upperBound)
    }
  }

  private mutating func append(_ step: Schedule.Step, _ waits: [Int32]) {
    steps.append(step)
    dependencies.append(waits.count > 1 ? Array(Set(waits)).sorted() : waits)
  }
}
