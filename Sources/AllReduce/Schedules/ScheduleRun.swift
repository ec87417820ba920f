package import AllReduceMPI

/// Runs one rank's schedule over a transport, any number of times.
///
/// For every step, the run keeps the number of steps that must still complete first. A step that completes lowers this
/// number for each of its successors. A successor whose number reaches zero is started at once: a message is posted, or
/// the arithmetic is done. All memory is allocated when the run is created, except scratch memory from a pool.
package final class ScheduleRun<Messages: Transport>: InFlight {
  private let program: ScheduleProgram
  /// A description of the run, for errors.
  private let title: String
  let messages: Messages
  private let pool: ScratchPool?
  private let stride: Int
  /// The bytes of an element in scratch memory, in the wire format.
  private let wireStride: Int
  /// Converts elements to and from the wire format; nil if elements are sent as they are.
  private let wire: WireKernel?
  private let size: Int
  private let stepCount: Int
  private let need: ScratchPool.Need
  private let steps: UnsafeMutablePointer<Schedule.Step>
  private let successorStarts: UnsafeMutablePointer<Int32>
  private let successors: UnsafeMutablePointer<Int32>
  /// The number of steps that each step still waits for.
  private let waits: UnsafeMutablePointer<Int32>
  /// The steps, in the order in which they became ready.
  private let queue: UnsafeMutablePointer<Int32>
  /// The state is allocated separately, since Swift checks every access to a class's properties.
  private let state: UnsafeMutablePointer<State>
  private var error: (any Error)?
  /// Whether the caller has yet to take this run's outcome.
  package var isHeld = false

  private struct State {
    var isActive = false
    /// Whether the run ended with ``ScheduleRun/error``.
    var hasFailed = false
    /// Whether the run waits for scratch memory.
    var isQueued = false
    var next = 0
    var ready = 0
    var ended = 0
    var buffer: UnsafeMutableRawPointer?
    var kernel: ReductionKernel?
    var scratch: UnsafeMutableRawPointer?
  }

  /// Creates a run of a schedule, on elements of `stride` bytes; with a 16-bit wire format the elements are `Float`.
  ///
  /// - Parameters:
  ///   - program: The schedule.
  ///   - stride: The bytes of an element.
  ///   - messages: The transport of the schedule's messages.
  ///   - pool: The pool from which the run takes scratch memory when it starts; nil to allocate scratch memory for this
  ///     run.
  ///   - title: A description of the run, for errors.
  package init(
    _ program: ScheduleProgram, stride: Int, over messages: Messages, pool: ScratchPool? = nil,
    title: String
  ) {
    let schedule = program.schedule
    self.program = program
    self.title = title
    self.messages = messages
    self.pool = pool
    self.stride = stride
    wire = WireKernel.of(schedule.wireFormat)
    wireStride = wire == nil ? stride : 2
    precondition(wire == nil || stride == 4, "16-bit wire formats are for Float elements.")
    size = schedule.size
    stepCount = schedule.steps.count
    need = ScratchPool.Need(
      scratch: schedule.scratchCount * wireStride, values: schedule.count * wireStride,
      slots: schedule.channelCount * messages.slotBytes)
    (steps, successors) = (program.steps, program.successors)
    successorStarts = program.successorStarts
    waits = .allocate(capacity: stepCount)
    queue = .allocate(capacity: stepCount)
    state = .allocate(capacity: 1)
    state.initialize(to: State())
    if pool == nil || need.charge <= ScratchPool.worthPooling {
      state.pointee.scratch = .allocate(byteCount: max(need.scratch, 1), alignment: 64)
    }
  }

  deinit {
    giveBackScratch()
    state.pointee.scratch?.deallocate()
    waits.deallocate()
    queue.deallocate()
    state.deallocate()
  }

  private var isPooled: Bool { pool != nil && need.charge > ScratchPool.worthPooling }

  private func giveBackScratch() {
    guard isPooled, let scratch = state.pointee.scratch else { return }
    pool.unsafelyUnwrapped.giveBack(scratch, need)
    state.pointee.scratch = nil
  }

  /// Whether the run has been started and has not ended.
  package var isActive: Bool { state.pointee.isActive }

  /// Whether the run may be started: it is not active, its outcome has been taken, and none of its messages is in
  /// flight.
  package var isIdle: Bool { !isActive && !isHeld && messages.isIdle }

  /// Starts the run. The buffer must stay allocated until the run has ended.
  ///
  /// - Parameters:
  ///   - buffer: The elements, in the number that the schedule is for.
  ///   - kernel: Combines elements.
  ///   - ticket: Identifies the call. No other run in flight on the transport has a ticket of the same number.
  package func start(
    on buffer: UnsafeMutableRawPointer, combining kernel: ReductionKernel, ticket: Ticket
  ) {
    precondition(!isActive, "\(title) is under way already.")
    precondition(
      kernel.stride == stride,
      "The kernel takes elements of \(kernel.stride) bytes, not of \(stride).")
    if state.pointee.hasFailed { error = nil }
    let scratch = state.pointee.scratch
    let ready = program.initiallyReady
    state.pointee = State(
      isActive: true, next: 0, ready: ready, ended: 0, buffer: buffer, kernel: kernel,
      scratch: scratch)
    waits.update(from: program.initialWaits, count: stepCount)
    queue.update(from: program.initialQueue, count: ready)
    messages.begin(ticket)
    if isPooled && scratch == nil {
      state.pointee.scratch = pool.unsafelyUnwrapped.take(need, for: self)
      if state.pointee.scratch == nil {
        state.pointee.isQueued = true
        return
      }
    }
    attempt { try startReadySteps() }
  }

  /// Starts the run, which waited for scratch memory, if there is enough now.
  private func leaveQueue() {
    let pool = pool.unsafelyUnwrapped
    // `advance()` finds out whether the call has failed when it looks for messages.
    guard let scratch = pool.takeInTurn(need, for: self) else { return }
    state.pointee.scratch = scratch
    state.pointee.isQueued = false
    attempt { try startReadySteps() }
  }

  // The engine calls runs through a protocol. Without this attribute it would call code for any transport, which slows
  // down small messages.
  @_specialize(where Messages == MessageSet)
  package func advance() -> Bool {
    if !isActive { return true }
    if state.pointee.isQueued { leaveQueue() }
    attempt {
      while let label = try messages.nextFinished() {
        end(label)
        try startReadySteps()
      }
    }
    return !isActive
  }

  package var failure: (any Error)? { state.pointee.hasFailed ? error : nil }
  package var summary: String { title }
  package var call: (agreement: Agreement, number: UInt64)? { messages.call }
  package var awaitedRanks: [Int] { messages.awaitedRanks }

  @inline(__always)
  private func attempt(_ work: () throws -> Void) {
    do {
      try work()
      // A ticket that was sent ahead belongs to no step, but must have been sent too.
      if state.pointee.ended == stepCount && messages.isIdle {
        state.pointee.isActive = false
        giveBackScratch()
      }
    } catch {
      self.error = error
      state.pointee.hasFailed = true
      state.pointee.isActive = false
      if state.pointee.isQueued {
        state.pointee.isQueued = false
        pool?.forget(self)
      }
      // Messages may still arrive in this run's scratch memory, so it is returned later.
      pool?.hasFailures = true
    }
  }

  /// Returns a failed run's scratch memory to the pool, once no message can arrive there. The result is whether the run
  /// still has scratch memory.
  func giveBackIfEnded() -> Bool {
    if isActive || state.pointee.scratch == nil || !isPooled { return false }
    if !messages.isIdle { return true }
    giveBackScratch()
    return false
  }

  private func startReadySteps() throws {
    while state.pointee.next < state.pointee.ready {
      let label = queue[state.pointee.next]
      state.pointee.next += 1
      if try start(label) { end(label) }
    }
  }

  /// Starts a step. The result is whether the step has also completed.
  @inline(__always)
  private func start(_ label: Int32) throws -> Bool {
    let buffer = state.pointee.buffer.unsafelyUnwrapped
    let scratch = state.pointee.scratch.unsafelyUnwrapped
    let kernel = state.pointee.kernel.unsafelyUnwrapped
    switch steps[Int(label)] {
    case .send(let range, let peer, let message):
      try messages.send(
        buffer + range.lowerBound &* stride, count: range.count &* stride, to: Int32(peer),
        message: Int32(truncatingIfNeeded: message), label: label)
      return false
    case .receive(let range, let peer, let message):
      try messages.receive(
        into: buffer + range.lowerBound &* stride, count: range.count &* stride,
        from: Int32(peer), message: Int32(truncatingIfNeeded: message), label: label)
      return false
    case .receiveToScratch(let range, let peer, let message):
      try messages.receive(
        into: scratch + range.lowerBound &* wireStride, count: range.count &* wireStride,
        from: Int32(peer), message: Int32(truncatingIfNeeded: message), label: label)
      return false
    case .sendEncoded(let range, let offset, let peer, let message):
      try messages.send(
        scratch + offset &* wireStride, count: range.count &* wireStride, to: Int32(peer),
        message: Int32(truncatingIfNeeded: message), label: label)
      return false
    case .reduce(let range, let offset, let isExchange):
      let (values, arrived) = (
        buffer + range.lowerBound &* stride, scratch + offset &* wireStride
      )
      if let wire {
        wire.combine(values, arrived, count: range.count, by: kernel)
      } else if isExchange {
        kernel.combineSymmetrically(values, arrived, range.count)
      } else {
        kernel.combine(values, arrived, range.count)
      }
      return true
    case .finish(let range):
      kernel.finish?(buffer + range.lowerBound &* stride, range.count, size)
      return true
    case .encode(let range, let offset):
      let (values, place) = (buffer + range.lowerBound &* stride, scratch + offset &* wireStride)
      if let wire {
        wire.encode(values, to: place, count: range.count)
      } else {
        place.copyMemory(from: values, byteCount: range.count &* stride)
      }
      return true
    case .decode(let range, let offset):
      let (values, place) = (buffer + range.lowerBound &* stride, scratch + offset &* wireStride)
      if let wire {
        wire.decode(place, to: values, count: range.count)
      } else {
        values.copyMemory(from: place, byteCount: range.count &* stride)
      }
      return true
    case .round(let range):
      wire.unsafelyUnwrapped.round(buffer + range.lowerBound &* stride, count: range.count)
      return true
    }
  }

  @inline(__always)
  private func end(_ label: Int32) {
    state.pointee.ended += 1
    var index = successorStarts[Int(label)]
    let last = successorStarts[Int(label) + 1]
    while index < last {
      let successor = successors[Int(index)]
      waits[Int(successor)] &-= 1
      if waits[Int(successor)] == 0 {
        queue[state.pointee.ready] = successor
        state.pointee.ready += 1
      }
      index += 1
    }
  }
}
