/// Checks that the ranks of a communicator make the same calls.
///
/// Every call has a number and a hash over all calls so far. The hash is sent with the first message of each channel
/// (``MessageSet``), or is written in the line of shared memory that announces the call (``HostLines``). A rank that
/// receives a hash different from its own has found a disagreement. Calls whose messages never match are found by
/// doubts: a rank that has waited 10 ms tells the ranks that it waits for which call it made (``ControlChannel``).
///
/// A disagreement ends the communicator's present generation (its calls since the last failure): every rank stops its
/// calls in flight, tells all others which calls it made and how many messages it sent them, receives the messages that
/// are still in flight, and throws (``Closing``). After that the ranks begin a new generation and may continue.
@usableFromInline
package final class Agreement {
  /// The numbers that every call reads and writes, in separate memory.
  @usableFromInline
  package struct State {
    /// The number of calls made so far.
    @usableFromInline package var number: UInt64 = 0
    /// The hash over all calls made so far.
    @usableFromInline package var running: UInt64
    /// The reasons why the next call must not simply be made, as bits (``Obstacle``); 0 for none.
    @usableFromInline package var obstacles: UInt8 = 0
    @usableFromInline package let id: UInt64
    @usableFromInline package let owner: Unmanaged<Agreement>
  }

  private enum Obstacle {
    /// The present generation has failed.
    static let failed: UInt8 = 1
    /// The next ``deadCalls`` calls of this rank have already failed on other ranks.
    static let dead: UInt8 = 2
    /// Other ranks have reported a call that this rank has not made yet.
    static let doubted: UInt8 = 4
    /// A call that this rank had finished was found to have failed, and its error has not been thrown yet.
    static let owed: UInt8 = 8
    /// The next call is part of a call of the program that makes several calls.
    static let inner: UInt8 = 16
  }

  /// A number that is the same on all ranks of the communicator and that no other communicator has.
  package let id: UInt64
  /// Counts this communicator's calls.
  package let counter: CallCounter
  /// This rank's number in the communicator.
  let rank: Int
  /// The communicator's ranks, as ranks of the job.
  let worldRanks: [Int]
  let endpoint: MessageEndpoint
  let engine: ProgressEngine

  private let state: UnsafeMutablePointer<State>
  /// The number of generations that have failed so far.
  private(set) var generation: UInt64 = 0
  /// The number of the last call of the previous generation.
  private(set) var startNumber: UInt64 = 0
  /// The number of the program's next calls that fail at once: other ranks made them before the generation ended, and
  /// this rank had not.
  private var deadCalls: UInt64 = 0
  /// The difference between ``number`` and ``position``: calls that the program did not make itself, as parts of one of
  /// its calls. Arithmetic wraps, because some calls of the program never became a call here.
  private var uncounted: UInt64 = 0
  /// The value of ``position`` during a call of the program that makes several calls; nil otherwise.
  private var innerPosition: UInt64?
  /// The generation in which the program's call that is under way began, for the calls within it.
  private var innerGeneration: UInt64 = 0
  /// The latest group of 1,024 calls (a call's number / 1,024) at which ``endOldCalls()`` has waited.
  private var endedUntil: UInt64 = 0
  private var closing: Closing?
  /// The errors that calls of failed generations throw, by generation.
  private var errors: [UInt64: MPIError] = [:]
  private var owed: MPIError?
  private var doubts: [Doubt] = []
  private var laterNotices: [Notice] = []
  /// Objects whose memory must outlive messages that may still arrive.
  private var kept: [AnyObject] = []
  /// This rank's counters of its calls in shared memory; nil if the communicator has one rank.
  var hostCounters: UnsafeMutablePointer<HostLines.Counters>?

  /// Another rank's report of a call that it made, to be compared with this rank's call of the same number.
  struct Doubt {
    let number: UInt64
    let running: UInt64
    let generation: UInt64
  }

  init(
    id: UInt64, rank: Int, worldRanks: [Int], endpoint: MessageEndpoint, engine: ProgressEngine
  ) {
    self.id = id
    self.rank = rank
    self.worldRanks = worldRanks
    self.endpoint = endpoint
    self.engine = engine
    state = .allocate(capacity: 1)
    counter = CallCounter(state: state, record: CallRecord.ofProcess)
    state.initialize(to: State(running: id, id: id, owner: Unmanaged.passUnretained(self)))
    engine.control?.add(self)
  }

  deinit { state.deallocate() }

  /// Whether the present generation has failed.
  @inline(__always)
  package var hasFailed: Bool { state.pointee.obstacles & Obstacle.failed != 0 }

  /// The status of the present generation (``MessageEndpoint/status``), which differs between generations and changes
  /// when this one fails.
  @inline(__always)
  package var status: UInt64 { endpoint.status.pointee }

  /// The number of calls made by this rank.
  var number: UInt64 { state.pointee.number }

  /// The number of calls made by the program.
  var position: UInt64 { innerPosition ?? (number &- uncounted) }

  /// The last call of this rank.
  var lastCall: Call? {
    CallRecord.ofProcess.find(communicator: id, number: number)?.call
  }

  // MARK: - Before and after a call

  /// Prepares for a call: waits until a failed generation is cleaned up, and throws its error if this call must fail
  /// with it.
  func clear() throws {
    let isInner = state.pointee.obstacles & Obstacle.inner != 0
    if let closing {
      if isInner { closing.isTold = true }
      engine.settle(closing)
    }
    if isInner && generation != innerGeneration { throw error(of: innerGeneration) }
    if deadCalls > 0 {
      deadCalls -= 1
      uncounted &-= 1
      if deadCalls == 0 { state.pointee.obstacles &= ~Obstacle.dead }
      throw error(of: generation - 1)
    }
  }

  /// Runs a call of the program that makes several calls. These fail together, and an error that this rank still owes
  /// for an earlier call is thrown after all of them.
  func asOneCall<Result>(_ body: () throws -> Result) throws -> Result {
    if state.pointee.obstacles & Obstacle.inner != 0 { return try body() }
    if state.pointee.obstacles != 0 { try clear() }
    innerGeneration = generation
    uncounted &-= 1
    innerPosition = position
    state.pointee.obstacles |= Obstacle.inner
    let result: Result
    do {
      defer {
        uncounted = number &- position
        innerPosition = nil
        state.pointee.obstacles &= ~Obstacle.inner
      }
      result = try body()
    }
    try counter.end()
    return result
  }

  /// Compares the call that was just counted with what other ranks have already reported about it.
  ///
  /// - Throws: ``MPIError`` if one of these ranks made a different call.
  func compareWithDoubts() throws {
    if state.pointee.obstacles & Obstacle.doubted == 0 { return }
    let due = doubts.filter { $0.number <= number }
    doubts.removeAll { $0.number <= number }
    if doubts.isEmpty { state.pointee.obstacles &= ~Obstacle.doubted }
    let before = status
    for doubt in due { compare(doubt, isTold: true) }
    if status != before { throw settle() }
  }

  /// Waits for all calls in flight that were made 1,024 or more calls ago. Needed before a call whose messages are
  /// distinguished by its number modulo 2,048.
  package func endOldCalls() {
    let epoch = number >> 10
    guard epoch > endedUntil else { return }
    endedUntil = epoch
    engine.waitForCalls(of: self, before: (epoch - 1) << 10)
  }

  /// Throws the error of an earlier call that this rank had finished before the call was found to have failed.
  func throwOwed() throws {
    guard let owed, state.pointee.obstacles & Obstacle.inner == 0 else { return }
    self.owed = nil
    state.pointee.obstacles &= ~Obstacle.owed
    throw owed
  }

  /// Whether this rank still has to throw the error of an earlier call.
  var owes: Bool { owed != nil }

  /// Waits until all ranks have stopped, and returns the error of a call that failed.
  package func settle(_ failed: CallFailed = CallFailed()) -> MPIError {
    if failed.generation < generation { return error(of: failed.generation) }
    if let closing {
      closing.isTold = true
      engine.settle(closing)
    }
    return error(of: generation &- 1)
  }

  private func error(of generation: UInt64) -> MPIError {
    errors[generation] ?? MPIError(operation: "a call on this communicator", message: "has failed")
  }

  /// Waits until all ranks have stopped, outside of any call, so that no call throws the error here.
  func settleQuietly() {
    if let closing { engine.settle(closing) }
  }

  /// Ends the generation for a call that found in shared memory that it must not continue, waits until all ranks have
  /// stopped, and returns the call's error.
  package func failure() -> MPIError {
    fail(isTold: true)
    return settle()
  }

  // MARK: - Failing

  /// Ends the present generation. A call on every rank of the communicator will throw.
  ///
  /// - Parameters:
  ///   - reason: The reason; nil if ranks made different calls, which all of them find out.
  ///   - isTold: Whether a call of this rank throws the error.
  package func fail(_ reason: String? = nil, isTold: Bool = false) {
    if hasFailed { return }
    state.pointee.obstacles |= Obstacle.failed
    endpoint.close()
    let closing = Closing(self, reason: reason)
    closing.isTold = isTold
    self.closing = closing
    if engine.failCalls(of: self) { closing.isTold = true }
    engine.add(closing)
    closing.begin()
  }

  /// Handles another rank's notice that the generation has failed.
  func take(_ notice: Notice) {
    if notice.generation > generation {
      // The other rank has settled this generation already.
      laterNotices.append(notice)
    } else if notice.generation == generation {
      fail()
      closing?.take(notice)
    }
  }

  /// Keeps an object alive while messages of this generation, if it has failed, can still arrive.
  func keepUntilSettled(_ object: AnyObject) {
    if hasFailed { kept.append(object) }
  }

  /// Begins the next generation, once all ranks have stopped and no message is in flight.
  func reopen(_ closing: Closing, _ notices: [Notice]) {
    let error = notices.error
    var host = HostLines.Counters()
    for notice in notices { host.advance(to: notice.host) }
    errors[generation] = error
    errors[generation &- 8] = nil
    generation += 1
    endpoint.reopen()
    hostCounters?.pointee = host
    startNumber = notices.map(\.lastNumber).max() ?? number
    let position = position
    state.pointee.number = startNumber
    uncounted = startNumber &- position
    deadCalls = (notices.map(\.position).max() ?? 0) - position
    state.pointee.running = Call.fold(id ^ generation, 0x9E37_79B9_7F4A_7C15)
    self.closing = nil
    engine.forget(closing)
    engine.patience = ProgressEngine.usualPatience
    doubts.removeAll()
    kept.removeAll()
    // If no call under way here throws, the failed call is one that this rank had finished.
    owed = closing.isTold || deadCalls > 0 ? nil : error
    state.pointee.obstacles =
      state.pointee.obstacles & Obstacle.inner | (deadCalls > 0 ? Obstacle.dead : 0)
      | (owed == nil ? 0 : Obstacle.owed)
    let later = laterNotices
    laterNotices.removeAll()
    for notice in later { take(notice) }
  }

  // MARK: - Doubts

  /// Handles another rank's report of a call: compares it now, or once this rank has made the call of that number.
  func take(_ doubt: Doubt) {
    if doubt.number <= number {
      compare(doubt)
    } else if doubt.generation == generation {
      if doubts.count < 4 * worldRanks.count { doubts.append(doubt) }
      state.pointee.obstacles |= Obstacle.doubted
    }
  }

  private func compare(_ doubt: Doubt, isTold: Bool = false) {
    guard doubt.generation == generation, doubt.number > startNumber, !hasFailed,
      let entry = CallRecord.ofProcess.find(communicator: id, number: doubt.number)
    else { return }
    if entry.running != doubt.running { fail(isTold: isTold) }
  }
}
