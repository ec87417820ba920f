internal import AllReduceMPI

/// The schedules that a communicator has run, ready to run again.
///
/// The first call with a new combination of operation, algorithm, count, element size and wire
/// format builds the schedule; later ones find it and allocate nothing.
final class MessageRuns {
  typealias Run = ScheduleRun<MessageSet>

  struct Key: Hashable {
    var collective: Collective
    var algorithm: ReductionAlgorithm.Kind
    var count: Int
    var segment: Int
    var stride: Int
    var wireFormat: WireFormat
  }

  /// More combinations than this are unlikely to come back; the oldest idle ones are let go.
  private static let capacity = 256
  /// The tags of one collective's messages on a channel; the rest of a tag numbers collectives.
  private static let tagsPerCollective: Int32 = 1 << 20

  private var runs: [Key: [Run]] = [:]
  private var order: [Key] = []
  private var lastKey: Key?
  private var lastRun: Run?
  private var sequence: Int32 = 0

  /// Starts a collective on `buffer` and returns its run, which the caller waits for.
  func start(
    _ key: Key, on buffer: UnsafeMutableRawPointer, _ kernel: ReductionKernel,
    over communicator: Communicator
  ) -> Run {
    let run = idleRun(key, communicator)
    // Ranks call collectives in the same order, so they number them alike.
    sequence = (sequence &+ 1) & 0x7FF
    run.start(on: buffer, combining: kernel, firstTag: sequence &* MessageRuns.tagsPerCollective)
    return run
  }

  @inline(__always)
  private func idleRun(_ key: Key, _ communicator: Communicator) -> Run {
    if let lastRun, lastKey == key, lastRun.isIdle { return lastRun }
    return otherRun(key, communicator)
  }

  private func otherRun(_ key: Key, _ communicator: Communicator) -> Run {
    let run = runs[key]?.first { $0.isIdle } ?? makeRun(key, communicator)
    lastKey = key
    lastRun = run
    return run
  }

  private func makeRun(_ key: Key, _ communicator: Communicator) -> Run {
    let schedule = Schedule(
      key.collective, by: key.algorithm, rank: communicator.rank, size: communicator.size,
      count: key.count, segment: key.segment, wireFormat: key.wireFormat)
    precondition(
      schedule.messageCount < MessageRuns.tagsPerCollective,
      "\(schedule.messageCount) messages are too many for one collective: choose larger segments "
        + "than \(key.segment * key.stride) bytes for \(key.count * key.stride) bytes.")
    let run = Run(
      schedule, stride: key.stride,
      over: MessageSet(on: communicator, capacity: schedule.messageCount),
      title: "\(key.collective) of \(key.count * key.stride) bytes by \(key.algorithm) over "
        + "\(communicator.size) ranks"
        + (key.wireFormat == .full ? "" : ", sent as \(key.wireFormat)"))
    if runs[key] == nil { order.append(key) }
    runs[key, default: []].append(run)
    if order.count > MessageRuns.capacity { forgetOldest() }
    return run
  }

  private func forgetOldest() {
    guard let index = order.firstIndex(where: { runs[$0]?.allSatisfy(\.isIdle) ?? true })
    else { return }
    runs[order.remove(at: index)] = nil
  }
}
