internal import AllReduceMPI

/// A collective on an arena that is under way: on one host, or on several.
///
/// On one host it is an ``InPlaceReduction``. On several hosts the host's sum goes into the first
/// rank's part; c ranks of each host, as many as the smallest host has, each carry one c-th of it
/// across the hosts, by a schedule over messages; when all have brought theirs back, every rank copies
/// the result into its own part. So each host sends and receives as little as one rank alone would.
///
/// Runs of a communicator advance in the order in which they were started: none enters a phase before
/// the one in front has left it, so that the flags grow. They may be waited for in any order.
final class HostRun: InFlight {
  private enum Phase: Int {
    case announced, reduced, gathered, carrying, carried, copied, ended
  }

  private var reduction: InPlaceReduction
  private var network: Network?
  /// Where each rank's part of the arena begins; kept, since the next call may name another arena.
  private let parts: UnsafeMutablePointer<UnsafeMutableRawPointer>
  private let elements: UnsafeMutablePointer<UnsafeMutableRawPointer>
  private let worldRanks: [Int]
  private weak var previous: HostRun?
  private var phase = Phase.announced
  private var carrying: MessageRuns.Run?
  private(set) var failure: (any Error)?
  /// Whether someone will still ask this run for its outcome.
  var isHeld = false

  /// What lies beyond the host.
  struct Network {
    /// The ranks that carry the same slice, one a host; nil on ranks that carry none.
    let carriers: Communicator?
    /// How many ranks of each host carry.
    let carrierCount: Int
    /// All ranks of all hosts.
    let size: Int
    let algorithm: ReductionAlgorithm
    /// How elements travel between hosts.
    let wireFormat: WireFormat
    /// Whether every rank copies the result into its own part; otherwise all find it in the part of their
    /// host's first rank.
    var isCopied = true
  }

  /// Takes a call that this rank has announced.
  init(
    _ call: HostCall, lines: HostLines, kernel: ReductionKernel,
    parts: UnsafePointer<UnsafeMutableRawPointer>, worldRanks: [Int], network: Network?,
    after previous: HostRun?
  ) {
    elements = .allocate(capacity: lines.size)
    self.parts = .allocate(capacity: lines.size)
    self.parts.initialize(from: parts, count: lines.size)
    reduction = InPlaceReduction(
      lines: lines, kernel: kernel, call: call, parts: self.parts, elements: elements)
    self.network = network
    self.worldRanks = worldRanks
    self.previous = previous
  }

  /// Takes another call, after the one before has ended and nobody will ask for its outcome.
  func take(
    _ call: HostCall, kernel: ReductionKernel, parts: UnsafePointer<UnsafeMutableRawPointer>,
    network: Network?, after previous: HostRun?
  ) {
    precondition(isIdle, "\(summary) is under way.")
    self.parts.update(from: parts, count: reduction.lines.size)
    reduction = InPlaceReduction(
      lines: reduction.lines, kernel: kernel, call: call, parts: self.parts, elements: elements)
    self.network = network
    self.previous = previous
    carrying = nil
    failure = nil
    phase = .announced
  }

  deinit {
    parts.deallocate()
    elements.deallocate()
  }

  /// The run in front has ended, and may be used again.
  func forgetPrevious() { previous = nil }

  var isEnded: Bool { phase == .ended }
  var isIdle: Bool { isEnded && !isHeld }

  func advance() -> Bool {
    if let previous, !previous.isEnded {
      _ = previous.advance()
      // Never in front of the run that was started before.
      while previous.phase.rawValue > phase.rawValue, step() {}
    } else {
      previous = nil
      while phase != .ended, step() {}
    }
    return phase == .ended
  }

  var summary: String { "\(reduction.call)" }
  var isMovedByLooking: Bool { network != nil }

  var awaitedRanks: [Int] {
    let (lines, number) = (reduction.lines, reduction.call.number)
    let flags: ((Int) -> HostLines.Flag)? =
      switch phase {
      case .announced: { lines.line($0, number).number }
      case .reduced: lines.finished
      case .carrying: nil
      case .gathered, .carried: lines.carried
      case .copied, .ended: lines.taken
      }
    guard let flags else { return carrying?.awaitedRanks ?? [] }
    return (0..<lines.size).filter { flags($0).value < number }.map { worldRanks[$0] }
  }

  /// Enters the next phase, if that can be.
  private func step() -> Bool {
    do {
      guard let next = try nextPhase() else { return false }
      phase = next
      return true
    } catch {
      failure = error
      phase = .ended
      return true
    }
  }

  private func nextPhase() throws -> Phase? {
    let (lines, call) = (reduction.lines, reduction.call)
    switch phase {
    case .announced:
      guard reduction.isAnnounced else { return nil }
      try reduction.doShare()
      return .reduced
    case .reduced:
      guard reduction.isFinished else { return nil }
      return network == nil ? .ended : .gathered
    case .gathered:
      carrying = startCarrying()
      return .carrying
    case .carrying:
      if let carrying {
        guard carrying.advance() else { return nil }
        carrying.isHeld = false
        if let failure = carrying.failure { throw failure }
        finishSlice()
      }
      // Also where the slice is empty: here, since a number must not be raised out of turn.
      if network?.carriers != nil { lines.raise(lines.carried(lines.rank), to: call.number) }
      return .carried
    case .carried:
      let carriers = network?.carrierCount ?? 0
      guard (0..<carriers).allSatisfy({ lines.carried($0).value >= call.number }) else {
        return nil
      }
      if lines.rank != 0, network?.isCopied ?? true {
        elements[lines.rank].copyMemory(
          from: elements[0], byteCount: call.count * reduction.kernel.stride)
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

  /// The slice that this rank carries.
  private var slice: Range<Int> {
    guard let network, network.carriers != nil else { return 0..<0 }
    return HostSlices(
      count: reduction.call.count, stride: reduction.kernel.stride, ranks: network.carrierCount
    )[reduction.lines.rank]
  }

  private func startCarrying() -> MessageRuns.Run? {
    guard let network, let carriers = network.carriers, !slice.isEmpty else { return nil }
    let kernel = reduction.kernel
    let algorithm = carriers.resolveToSchedule(
      network.algorithm,
      bytes: slice.count * network.wireFormat.stride(of: reduction.call.type))
    let sum = kernel.finish == nil ? kernel : ReductionKernel.of(.sum, reduction.call.type)
    let run = carriers.start(
      .allReduce, on: elements[0] + slice.lowerBound * kernel.stride, count: slice.count, sum,
      using: algorithm, wireFormat: network.wireFormat)
    run.isHeld = true
    return run
  }

  /// Divides by the number of all ranks, where that is wanted.
  private func finishSlice() {
    guard let network else { return }
    let kernel = reduction.kernel
    kernel.finish?(elements[0] + slice.lowerBound * kernel.stride, slice.count, network.size)
  }
}
