/// Checks that the ranks of a communicator make the same calls.
///
/// Every call has a number and a hash over all calls so far. The hash travels with the first message
/// of each channel (``MessageSet``) or stands in the line of shared memory that announces the call
/// (``HostLines``); a rank that receives a hash that differs from its own has found a disagreement. Calls whose
/// messages never meet are found by doubts: a rank that has waited 10 ms tells those it waits for what
/// it called (``ControlChannel``).
///
/// A disagreement ends the communicator's present generation: every rank stops what is under way on
/// it, tells all others what it called and how many messages it sent them, receives what is still on
/// its way, and throws (``Closing``). After that the ranks begin a new generation and may continue.
@usableFromInline
package final class Agreement {
  /// The state that every call reads and writes, in memory of its own.
  @usableFromInline
  package struct State {
    /// Calls made.
    @usableFromInline package var number: UInt64 = 0
    /// The hash over them.
    @usableFromInline package var running: UInt64
    /// Reasons why the next call must not simply go ahead; 0 for none.
    @usableFromInline package var obstacles: UInt8 = 0
    @usableFromInline package let id: UInt64
    @usableFromInline package let owner: Unmanaged<Agreement>
  }

  private enum Obstacle {
    /// The present generation has failed.
    static let failed: UInt8 = 1
    /// The next ``deadCalls`` calls have failed on other ranks already.
    static let dead: UInt8 = 2
    /// Ranks have told what they called before this rank has called it.
    static let doubted: UInt8 = 4
    /// A call that this rank had finished was found to have failed.
    static let owed: UInt8 = 8
    /// The next call is a part of one of the program's.
    static let inner: UInt8 = 16
  }

  /// The same on all ranks of the communicator, and different from other communicators'.
  package let id: UInt64
  /// Counts the calls.
  package let counter: CallCounter
  /// This rank, and all, as ranks of the job.
  let rank: Int
  let worldRanks: [Int]
  let endpoint: MessageEndpoint
  let engine: ProgressEngine

  private let state: UnsafeMutablePointer<State>
  /// How often the ranks have disagreed.
  private(set) var generation: UInt64 = 0
  /// The number of the last call of the generation before.
  private(set) var startNumber: UInt64 = 0
  /// How many calls of the program other ranks have made before the generation ended, and this one has not.
  private var deadCalls: UInt64 = 0
  /// The number of calls that the program did not make itself, as parts of one of its calls. Arithmetic wraps, because
  /// some calls of the program never became a call here.
  private var uncounted: UInt64 = 0
  /// ``position`` during a call of the program that makes several.
  private var innerPosition: UInt64?
  /// The generation in which the program's call began that is under way; for calls within it.
  private var innerGeneration: UInt64 = 0
  /// Messages of calls that are in flight from before this number have ended.
  private var endedUntil: UInt64 = 0
  private var closing: Closing?
  /// The errors of failed calls, by generation.
  private var errors: [UInt64: MPIError] = [:]
  private var owed: MPIError?
  private var doubts: [Doubt] = []
  private var laterNotices: [Notice] = []
  /// Memory that must outlive messages that may still arrive.
  private var kept: [AnyObject] = []
  /// The counters of shared memory, if ranks share any.
  var hostCounters: UnsafeMutablePointer<HostLines.Counters>?

  /// A call that another rank reports.
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

  /// ``MessageEndpoint/status``: a different number in each generation, and once this one has failed.
  @inline(__always)
  package var status: UInt64 { endpoint.status.pointee }

  /// Calls made by this rank.
  var number: UInt64 { state.pointee.number }

  /// Calls made by the program.
  var position: UInt64 { innerPosition ?? (number &- uncounted) }

  /// The last call of this rank.
  var lastCall: Call? {
    CallRecord.ofProcess.find(communicator: id, number: number)?.call
  }

  // MARK: - Before and after a call

  /// Clears the way for a call, or throws what stands in it.
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

  /// Runs a call of the program that makes several calls: they fail together, and what this rank owes is
  /// thrown after all of them.
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

  /// Compares a call that was just counted with what other ranks told of it before.
  ///
  /// - Throws: ``MPIError`` if one of them called something else.
  func compareWithDoubts() throws {
    if state.pointee.obstacles & Obstacle.doubted == 0 { return }
    let due = doubts.filter { $0.number <= number }
    doubts.removeAll { $0.number <= number }
    if doubts.isEmpty { state.pointee.obstacles &= ~Obstacle.doubted }
    let before = status
    for doubt in due { compare(doubt, isTold: true) }
    if status != before { throw settle() }
  }

  /// Before a call whose messages are told apart by its number modulo 2,048: waits for those that are
  /// under way since a thousand calls or more.
  package func endOldCalls() {
    let epoch = number >> 10
    guard epoch > endedUntil else { return }
    endedUntil = epoch
    engine.waitForCalls(of: self, before: (epoch - 1) << 10)
  }

  /// Throws the error of an earlier call that this rank had finished before it was found to have
  /// failed.
  func throwOwed() throws {
    guard let owed, state.pointee.obstacles & Obstacle.inner == 0 else { return }
    self.owed = nil
    state.pointee.obstacles &= ~Obstacle.owed
    throw owed
  }

  /// Whether this rank has yet to throw.
  var owes: Bool { owed != nil }

  /// The error of a call that failed: waits until all ranks have stopped.
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

  /// Waits until all ranks have stopped, on behalf of no call.
  func settleQuietly() {
    if let closing { engine.settle(closing) }
  }

  /// The error of a call that finds in shared memory that it must not continue.
  package func failure() -> MPIError {
    fail(isTold: true)
    return settle()
  }

  // MARK: - Failing

  /// Ends the generation. Every rank of the communicator will throw.
  ///
  /// - Parameters:
  ///   - reason: Why; nil where ranks called different things, which all of them find out.
  ///   - isTold: Whether a call of this rank throws for it.
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

  /// Takes another rank's word that the generation has failed.
  func take(_ notice: Notice) {
    if notice.generation > generation {
      // The other rank has settled this generation already.
      laterNotices.append(notice)
    } else if notice.generation == generation {
      fail()
      closing?.take(notice)
    }
  }

  /// Keeps an object for as long as a message of this generation can arrive.
  func keepUntilSettled(_ object: AnyObject) {
    if hasFailed { kept.append(object) }
  }

  /// All ranks have stopped, and nothing is on its way: the next generation begins.
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
    // No call is under way here that throws: what failed is one that this rank had finished.
    owed = closing.isTold || deadCalls > 0 ? nil : error
    state.pointee.obstacles =
      state.pointee.obstacles & Obstacle.inner | (deadCalls > 0 ? Obstacle.dead : 0)
      | (owed == nil ? 0 : Obstacle.owed)
    let later = laterNotices
    laterNotices.removeAll()
    for notice in later { take(notice) }
  }

  // MARK: - Doubts

  /// Takes what another rank says it called: compared now, or once this rank has made that call.
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
