internal import AllReduceMPI

/// The schedules that a communicator has run, kept to be run again.
///
/// The first call with a new combination of operation, algorithm, count, element size and wire format builds the
/// schedule. Later calls with the same combination reuse it and allocate nothing.
final class MessageRuns {
  typealias Run = ScheduleRun<MessageSet>

  struct Key: Hashable {
    var collective: Collective
    var algorithm: ReductionAlgorithm.Kind
    var count: Int
    var segment: Int
    var stride: Int
    var wireFormat: WireFormat
    /// Whether only the hosts' carriers (``CarrierGroup``) run the schedule, and not all ranks.
    var isOfCarriers = false

    @inline(__always)
    init(
      _ collective: Collective, _ algorithm: ReductionAlgorithm, count: Int, stride: Int,
      wireFormat: WireFormat, hosts: Int, isOfCarriers: Bool = false
    ) {
      self.collective = collective
      self.algorithm = algorithm.kind
      self.count = count
      let bytes =
        algorithm.segmentBytes ?? AutomaticChoice.segmentBytes(of: algorithm.kind, hosts: hosts)
      segment = max(1, bytes / (wireFormat == .full ? stride : 2))
      self.stride = stride
      self.wireFormat = wireFormat
      self.isOfCarriers = isOfCarriers
    }
  }

  /// A schedule and all of its runs.
  private struct Family {
    let program: ScheduleProgram
    var runs: [Run] = []
  }

  /// The maximum number of combinations that are kept; beyond it, the oldest idle one is dropped, as it is unlikely to
  /// come back.
  private static let capacity = 256

  private var families: [Key: Family] = [:]
  private var order: [Key] = []
  /// The run that was started last. It is allocated separately, since Swift checks every access to a class's
  /// properties.
  private let last: UnsafeMutablePointer<(key: Key?, run: Run?)>
  private let pool = ScratchPool()
  /// The scratch memory of the carriers' runs. It is a pool of its own, because these runs allocate when their host is
  /// ready, and not in the order of the calls.
  private let carriersPool = ScratchPool()

  init() {
    last = .allocate(capacity: 1)
    last.initialize(to: (nil, nil))
  }

  deinit { last.deinitialize(count: 1).deallocate() }

  /// Starts a collective on `buffer` and returns its run, which the caller waits for.
  ///
  /// - Parameters:
  ///   - key: The collective, its algorithm and its sizes.
  ///   - ticket: Identifies the call.
  ///   - buffer: The buffer, of `key.count` elements.
  ///   - kernel: Combines elements.
  ///   - communicator: All ranks.
  ///   - carriers: The ranks that run the schedule; nil if all ranks do.
  /// - Returns: The run.
  func start(
    _ key: Key, _ ticket: Ticket, on buffer: UnsafeMutableRawPointer, _ kernel: ReductionKernel,
    over communicator: Communicator, carriers: CarrierGroup? = nil
  ) -> Run {
    if pool.hasFailures || carriersPool.hasFailures { takeBackScratch() }
    let run = idleRun(key, communicator, carriers)
    run.messages.useCurrentTally()
    run.start(on: buffer, combining: kernel, ticket: ticket)
    return run
  }

  @inline(__always)
  private func idleRun(
    _ key: Key, _ communicator: Communicator, _ carriers: CarrierGroup?
  ) -> Run {
    if let run = last.pointee.run, last.pointee.key == key, run.isIdle { return run }
    return otherRun(key, communicator, carriers)
  }

  private func otherRun(
    _ key: Key, _ communicator: Communicator, _ carriers: CarrierGroup?
  ) -> Run {
    let run =
      families[key]?.runs.first { $0.isIdle } ?? makeRun(key, communicator, carriers)
    last.pointee = (key, run)
    return run
  }

  private func makeRun(
    _ key: Key, _ communicator: Communicator, _ carriers: CarrierGroup?
  ) -> Run {
    let size = carriers?.ranks.count ?? communicator.size
    if families[key] == nil {
      let schedule = Schedule(
        key.collective, by: key.algorithm, rank: carriers?.index ?? communicator.rank, size: size,
        count: key.count, segment: key.segment, wireFormat: key.wireFormat)
      families[key] = Family(program: ScheduleProgram(schedule))
      order.append(key)
    }
    let program = families[key].unsafelyUnwrapped.program
    let run = Run(
      program, stride: key.stride,
      over: MessageSet(
        on: communicator, capacity: program.schedule.mostUnderWay, group: carriers?.ranks),
      pool: carriers == nil ? pool : carriersPool,
      title: "\(key.collective) of \(key.count * key.stride) bytes by \(key.algorithm.name) over "
        + "\(size) \(carriers == nil ? "ranks" : "hosts")"
        + (key.wireFormat == .full ? "" : ", sent as \(key.wireFormat)"))
    families[key]?.runs.append(run)
    if order.count > MessageRuns.capacity { forgetOldest() }
    return run
  }

  private func takeBackScratch() {
    var isLeft = false
    for family in families.values {
      for run in family.runs where run.giveBackIfEnded() { isLeft = true }
    }
    pool.hasFailures = isLeft
    carriersPool.hasFailures = isLeft
  }

  private func forgetOldest() {
    guard
      let index = order.firstIndex(where: { families[$0]?.runs.allSatisfy(\.isIdle) ?? true })
    else { return }
    families[order.remove(at: index)] = nil
  }
}
