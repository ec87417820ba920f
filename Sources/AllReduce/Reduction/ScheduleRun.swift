package import AllReduceMPI

/// The executor: runs one rank's schedule over a transport, as often as wanted.
///
/// It keeps, for every step, how many others it still waits for. A finished step lowers that number
/// at its successors; one that reaches zero is started at once: messages are posted, arithmetic is
/// done. All memory is taken when the run is made; running allocates nothing.
package final class ScheduleRun<Messages: Transport>: InFlight {
  package let schedule: Schedule
  /// What the run is doing, for messages to people.
  private let title: String
  private let messages: Messages
  private let stride: Int
  /// Bytes an element in scratch memory: as it travels.
  private let wireStride: Int
  /// What narrows and widens; nil where elements travel as they are.
  private let wire: WireKernel?
  private let size: Int
  private let scratch: UnsafeMutableRawPointer
  private let steps: UnsafeMutablePointer<Schedule.Step>
  private let successorStarts: UnsafeMutablePointer<Int32>
  private let successors: UnsafeMutablePointer<Int32>
  /// How many steps each step waits for: at the start, and now.
  private let initialWaits: UnsafeMutablePointer<Int32>
  private let waits: UnsafeMutablePointer<Int32>
  /// Steps in the order in which they became ready.
  private let queue: UnsafeMutablePointer<Int32>
  private let initialQueue: UnsafeMutablePointer<Int32>
  private let initiallyReady: Int
  /// In memory of its own: a class's properties would be checked at every access.
  private let state: UnsafeMutablePointer<State>
  package private(set) var failure: (any Error)?
  /// Whether someone will still ask this run for its outcome.
  package var isHeld = false

  private struct State {
    var isActive = false
    var next = 0
    var ready = 0
    var ended = 0
    var buffer: UnsafeMutableRawPointer?
    var kernel: ReductionKernel?
    var firstTag: Int32 = 0
  }

  /// Prepares to run `schedule` on elements of `stride` bytes; with a 16-bit wire format, of `Float`.
  package init(_ schedule: Schedule, stride: Int, over messages: Messages, title: String) {
    self.schedule = schedule
    self.title = title
    self.messages = messages
    self.stride = stride
    wire = WireKernel.of(schedule.wireFormat)
    wireStride = wire == nil ? stride : 2
    precondition(wire == nil || stride == 4, "16-bit wire formats are for Float elements.")
    size = schedule.size
    let count = schedule.steps.count
    scratch = .allocate(byteCount: max(schedule.scratchCount * wireStride, 1), alignment: 64)
    steps = .allocate(capacity: count)
    steps.initialize(from: schedule.steps, count: count)
    successorStarts = .allocate(capacity: count + 1)
    successorStarts.initialize(from: schedule.successorStarts, count: count + 1)
    successors = .allocate(capacity: max(schedule.successors.count, 1))
    successors.initialize(from: schedule.successors, count: schedule.successors.count)
    initialWaits = .allocate(capacity: count)
    initialWaits.initialize(from: schedule.dependencyCounts, count: count)
    waits = .allocate(capacity: count)
    queue = .allocate(capacity: count)
    let roots = schedule.stepsWithoutDependencies
    initiallyReady = roots.count
    initialQueue = .allocate(capacity: max(roots.count, 1))
    initialQueue.initialize(from: roots, count: roots.count)
    state = .allocate(capacity: 1)
    state.initialize(to: State())
  }

  deinit {
    scratch.deallocate()
    steps.deinitialize(count: schedule.steps.count).deallocate()
    successorStarts.deallocate()
    successors.deallocate()
    initialWaits.deallocate()
    waits.deallocate()
    queue.deallocate()
    initialQueue.deallocate()
    state.deallocate()
  }

  /// Whether the run has been started and has not ended.
  package var isActive: Bool { state.pointee.isActive }

  /// Whether it may be started.
  package var isIdle: Bool { !isActive && !isHeld }

  /// Starts the run. The buffer must stay until it has ended.
  ///
  /// - Parameters:
  ///   - buffer: `schedule.count` elements.
  ///   - kernel: How elements are combined.
  ///   - firstTag: The tag of every channel's first message; no other run that is under way on the
  ///     transport may use it or the `messageCount` tags after it.
  package func start(
    on buffer: UnsafeMutableRawPointer, combining kernel: ReductionKernel, firstTag: Int32
  ) {
    precondition(!isActive, "\(title) is under way already.")
    precondition(kernel.stride == stride)
    if failure != nil { failure = nil }
    state.pointee = State(
      isActive: true, next: 0, ready: initiallyReady, ended: 0, buffer: buffer,
      kernel: kernel, firstTag: firstTag)
    waits.update(from: initialWaits, count: schedule.steps.count)
    queue.update(from: initialQueue, count: initiallyReady)
    attempt { try startReadySteps() }
  }

  // The engine knows runs by a protocol only: without this it would run code for any transport, which
  // shows in small messages.
  @_specialize(where Messages == MessageSet)
  package func advance() -> Bool {
    if !isActive { return true }
    attempt {
      while let label = try messages.nextFinished() {
        end(label)
        try startReadySteps()
      }
    }
    return !isActive
  }

  package var summary: String { title }
  package var awaitedRanks: [Int] { messages.awaitedRanks }

  @inline(__always)
  private func attempt(_ work: () throws -> Void) {
    do {
      try work()
      if state.pointee.ended == schedule.steps.count { state.pointee.isActive = false }
    } catch {
      failure = error
      state.pointee.isActive = false
    }
  }

  private func startReadySteps() throws {
    while state.pointee.next < state.pointee.ready {
      let label = queue[state.pointee.next]
      state.pointee.next += 1
      if try start(label) { end(label) }
    }
  }

  /// Starts a step; returns whether it has also ended.
  @inline(__always)
  private func start(_ label: Int32) throws -> Bool {
    let buffer = state.pointee.buffer.unsafelyUnwrapped
    let firstTag = state.pointee.firstTag
    let kernel = state.pointee.kernel.unsafelyUnwrapped
    switch steps[Int(label)] {
    case .send(let range, let peer, let message):
      try messages.send(
        buffer + range.lowerBound &* stride, count: range.count &* stride, to: Int32(peer),
        tag: firstTag &+ Int32(message), label: label)
      return false
    case .receive(let range, let peer, let message):
      try messages.receive(
        into: buffer + range.lowerBound &* stride, count: range.count &* stride,
        from: Int32(peer), tag: firstTag &+ Int32(message), label: label)
      return false
    case .receiveToScratch(let range, let peer, let message):
      try messages.receive(
        into: scratch + range.lowerBound &* wireStride, count: range.count &* wireStride,
        from: Int32(peer), tag: firstTag &+ Int32(message), label: label)
      return false
    case .sendEncoded(let range, let offset, let peer, let message):
      try messages.send(
        scratch + offset &* wireStride, count: range.count &* wireStride, to: Int32(peer),
        tag: firstTag &+ Int32(message), label: label)
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
