internal import AllReduceMPI

/// A collective in flight on an arena, on one host or on several.
///
/// On one host, the run is an ``InPlaceReduction``. On several hosts, the sum of a host is written to the part of its
/// first rank. Then c ranks of each host, where c is the number of ranks on the smallest host, each all-reduce one c-th
/// of that sum across the hosts, by a schedule over messages. When all of these ranks have their results, every rank
/// copies the whole result into its own part. In this way, each host sends and receives only the bytes that a single
/// rank would.
///
/// The runs of a communicator advance in the order in which they were started: a run enters a phase only after the run
/// before it has left that phase, so that the numbers in the flags only grow. Callers may wait for runs in any order.
final class HostRun: InFlight {
  private enum Phase: Int {
    case queued, announced, reduced, gathered, carrying, carried, copied, ended
  }

  private var reduction: InPlaceReduction
  private var task: Task
  private unowned let communicator: Communicator
  private let runs: MessageRuns
  private let window: HostRunWindow
  /// Where each rank's part of the arena begins; a copy, because the next call may use a different arena.
  private let parts: UnsafeMutablePointer<UnsafeMutableRawPointer>
  private let elements: UnsafeMutablePointer<UnsafeMutableRawPointer>
  private let worldRanks: [Int]
  private weak var previous: HostRun?
  private var phase = Phase.queued
  private var carrying: MessageRuns.Run?
  /// ``MessageEndpoint/status`` when the call began.
  private var status: UInt64 = 0
  /// The number of the run, counted over all runs of the communicator.
  private var index = 0
  /// Counts the bytes that this run copies and sends.
  private var tally = TrafficTally.current
  private(set) var failure: (any Error)?
  /// Whether the caller has yet to take this run's outcome.
  var isHeld = false

  /// The call that a run carries out.
  struct Task {
    let call: HostCall
    let ticket: Ticket
    let kernel: ReductionKernel
    let type: ScalarType
    /// The offset, in bytes, of the elements in this rank's part of the arena.
    let place: Int
    /// How hosts combine their results; nil on one host.
    var network: Network?
  }

  /// How hosts exchange their results.
  struct Network {
    let carriers: CarrierGroup
    let algorithm: ReductionAlgorithm
    /// The format of elements in messages between hosts.
    let wireFormat: WireFormat
    /// Whether every rank copies the result into its own part; otherwise all ranks read it in the part of their host's
    /// first rank.
    var isCopied = true

    var carries: Bool { !carriers.ranks.isEmpty }
  }

  init(
    _ task: Task, over communicator: Communicator, lines: HostLines,
    parts: UnsafePointer<UnsafeMutableRawPointer>, worldRanks: [Int], state: CollectiveState,
    after previous: HostRun?
  ) {
    elements = .allocate(capacity: lines.size)
    self.parts = .allocate(capacity: lines.size)
    self.parts.initialize(from: parts, count: lines.size)
    reduction = InPlaceReduction(
      lines: lines, kernel: task.kernel, call: task.call, parts: self.parts, elements: elements)
    self.task = task
    self.communicator = communicator
    runs = state.runs
    window = state.window
    self.worldRanks = worldRanks
    begin(after: previous)
  }

  /// Starts another call with this run. The previous call must have completed, and its outcome must have been taken.
  func take(
    _ task: Task, parts: UnsafePointer<UnsafeMutableRawPointer>, after previous: HostRun?
  ) {
    precondition(isIdle, "\(summary) is under way.")
    self.parts.update(from: parts, count: reduction.lines.size)
    reduction = InPlaceReduction(
      lines: reduction.lines, kernel: task.kernel, call: task.call, parts: self.parts,
      elements: elements)
    self.task = task
    tally = .current
    carrying = nil
    failure = nil
    phase = .queued
    begin(after: previous)
  }

  private func begin(after previous: HostRun?) {
    self.previous = previous
    status = communicator.agreement.status & ~1
    index = window.enter()
    announceIfRoom()
  }

  /// Announces the call if the window has room: a call line must not be overwritten before all ranks have read it.
  private func announceIfRoom() {
    guard window.hasRoom(for: index) else { return }
    task.call.announce(reduction.lines, place: task.place)
    phase = .announced
  }

  deinit {
    parts.deallocate()
    elements.deallocate()
  }

  /// Drops the reference to the run before this one, which has completed and may be reused.
  func forgetPrevious() { previous = nil }

  var isEnded: Bool { phase == .ended }
  var isIdle: Bool { isEnded && !isHeld }

  func advance() -> Bool {
    if phase != .ended && communicator.agreement.status != status {
      failure = CallFailed(generation: status >> 1)
      end()
    }
    if let previous, !previous.isEnded {
      _ = previous.advance()
      // This run never overtakes the run that was started before it.
      while previous.phase.rawValue > phase.rawValue, step() {}
    } else {
      previous = nil
      while phase != .ended, step() {}
    }
    return phase == .ended
  }

  var summary: String {
    "\(task.call.collective) of \(task.call.count) \(task.type) in shared memory"
  }
  var isMovedByLooking: Bool { task.network != nil }
  var call: (agreement: Agreement, number: UInt64)? {
    (communicator.agreement, task.ticket.number)
  }

  var awaitedRanks: [Int] {
    let (lines, number) = (reduction.lines, reduction.call.number)
    let flags: ((Int) -> HostLines.Flag)? =
      switch phase {
      case .queued, .announced: { lines.line($0, number).number }
      case .reduced: lines.finished
      case .carrying: nil
      case .gathered, .carried: lines.carried
      case .copied, .ended: lines.taken
      }
    guard let flags else { return carrying?.awaitedRanks ?? [] }
    return (0..<lines.size).filter { flags($0).value < number }.map { worldRanks[$0] }
  }

  /// Enters the next phase if that is possible now, and returns whether it did.
  private func step() -> Bool {
    do {
      guard let next = try nextPhase() else { return false }
      if next == .ended { end() } else { phase = next }
      return true
    } catch {
      failure = error is CallFailed ? CallFailed(generation: status >> 1) : error
      // The messages of this run may have ended the generation already.
      if error is CallFailed, communicator.agreement.status == status {
        communicator.agreement.fail(isTold: true)
      }
      end()
      return true
    }
  }

  private func end() {
    if phase == .ended { return }
    phase = .ended
    if let carrying {
      // If this call has failed, the all-reduce across hosts has failed too.
      _ = carrying.advance()
      carrying.isHeld = false
    }
    window.leave()
  }

  private func nextPhase() throws -> Phase? {
    let (lines, call) = (reduction.lines, reduction.call)
    switch phase {
    case .queued:
      announceIfRoom()
      return phase == .announced ? .announced : nil
    case .announced:
      guard reduction.isAnnounced else { return nil }
      try tally.counting { try reduction.doShare() }
      return .reduced
    case .reduced:
      guard reduction.isFinished else { return nil }
      return task.network == nil ? .ended : .gathered
    case .gathered:
      carrying = tally.counting { startCarrying() }
      return .carrying
    case .carrying:
      if let carrying {
        guard carrying.advance() else { return nil }
        carrying.isHeld = false
        if let failure = carrying.failure { throw failure }
        finishSlice()
      }
      // Also if the slice is empty, and only here: the numbers in a flag must grow in the order of the runs.
      if task.network?.carries ?? false { lines.raise(lines.carried(lines.rank), to: call.number) }
      return .carried
    case .carried:
      let carriers = task.network?.carriers.carrierCount ?? 0
      guard (0..<carriers).allSatisfy({ lines.carried($0).value >= call.number }) else {
        return nil
      }
      if lines.rank != 0, task.network?.isCopied ?? true {
        let bytes = call.count * reduction.kernel.stride
        elements[lines.rank].copyMemory(from: elements[0], byteCount: bytes)
        tally.counting { lines.traffic.pointee.addMemory(bytes) }
      }
      lines.raise(lines.taken(lines.rank), to: call.number)
      return .copied
    case .copied:
      // The first rank's part is the others' source until all have copied it.
      guard
        lines.rank != 0 || (0..<lines.size).allSatisfy({ lines.taken($0).value >= call.number })
      else { return nil }
      return .ended
    case .ended: return nil
    }
  }

  /// The slice that this rank all-reduces across hosts; empty if this rank is not a carrier.
  private var slice: Range<Int> {
    guard let network = task.network, network.carries else { return 0..<0 }
    return HostSlices(
      count: reduction.call.count, stride: reduction.kernel.stride,
      ranks: network.carriers.carrierCount
    )[reduction.lines.rank]
  }

  private func startCarrying() -> MessageRuns.Run? {
    guard let network = task.network, network.carries, !slice.isEmpty else { return nil }
    let kernel = reduction.kernel
    let algorithm = network.carriers.choices.schedule(
      for: network.algorithm, .allReduce,
      bytes: slice.count * network.wireFormat.stride(of: task.type))
    let sum = kernel.finish == nil ? kernel : ReductionKernel.of(.sum, task.type)
    let key = MessageRuns.Key(
      .allReduce, algorithm, count: slice.count, stride: kernel.stride,
      wireFormat: network.wireFormat, hosts: network.carriers.ranks.count, isOfCarriers: true)
    var ticket = task.ticket
    ticket.lane = 1
    let run = runs.start(
      key, ticket, on: elements[0] + slice.lowerBound * kernel.stride, sum, over: communicator,
      carriers: network.carriers)
    run.isHeld = true
    return run
  }

  /// For a mean, divides this rank's slice by the number of all ranks.
  private func finishSlice() {
    guard task.network != nil else { return }
    let kernel = reduction.kernel
    kernel.finish?(
      elements[0] + slice.lowerBound * kernel.stride, slice.count, communicator.size)
  }
}

/// Limits how many arena collectives of a communicator are announced at a time, to half the number of its call lines;
/// others are queued.
final class HostRunWindow {
  private var entered = 0
  private var left = 0

  /// Counts a run that begins, and returns its number, from 0.
  func enter() -> Int {
    entered += 1
    return entered - 1
  }

  func hasRoom(for index: Int) -> Bool { index - left < HostLines.depth / 2 }

  func leave() { left += 1 }
}
