internal import CMPI

/// Something that moves only when it is looked at: a message, a running schedule.
package protocol InFlight: AnyObject {
  /// Moves what can be moved now, without waiting. Returns whether the operation has ended.
  ///
  /// An error is kept and thrown by the wait for this operation, whoever moved it.
  func advance() -> Bool
  /// What the operation died of, if it did.
  var failure: (any Error)? { get }
  /// What it is, for people: "allReduce of 4096 float by ring".
  var summary: String { get }
  /// The world ranks that it still waits for.
  var awaitedRanks: [Int] { get }
  /// Whether it moves by being looked at, as messages do; false if it only waits for others' memory.
  var isMovedByLooking: Bool { get }
}

extension InFlight {
  package var isMovedByLooking: Bool { true }
}

/// Moves everything that this rank has in flight, whichever of it is being waited for.
///
/// A rank that only moved what it waits for could be the very rank that another waits for. There
/// is one engine a process, used by the one thread that calls MPI.
package final class ProgressEngine {
  private var inFlight: [any InFlight] = []
  private let who: String
  /// Whether ranks outnumber processors: then a rank that looks on keeps the one from running that it
  /// waits for. (MPI gives way by itself, but not every operation asks MPI.)
  package var givesWay = false

  init(who: String) { self.who = who }

  /// Adds an operation that has been started and is not yet waited for.
  package func add(_ operation: any InFlight) { inFlight.append(operation) }

  /// Moves everything once.
  package func poll() {
    for operation in inFlight { _ = operation.advance() }
  }

  /// Moves one operation once, and says whether it has ended; if so, the engine forgets it.
  package func test<Operation: InFlight>(_ operation: Operation) throws -> Bool {
    poll()
    guard operation.advance() else { return false }
    remove(operation)
    if let failure = operation.failure { throw failure }
    return true
  }

  /// Waits until the operation has ended, moving everything else meanwhile.
  ///
  /// - Throws: What the operation failed with.
  package func wait<Operation: InFlight>(for operation: Operation) throws {
    var polls = 0
    var since: UInt64 = 0
    while !operation.advance() {
      if !inFlight.isEmpty { poll() }
      polls &+= 1
      if givesWay && polls & 0xF == 0 { yieldCore() }
      // The clock costs as much as a poll: look at it seldom.
      if polls & 0xFF == 0 { since = waitLonger(for: operation, since: since) }
    }
    if !inFlight.isEmpty { remove(operation) }
    if let failure = operation.failure { throw failure }
  }

  private func remove(_ operation: any InFlight) {
    if let index = inFlight.firstIndex(where: { $0 === operation }) {
      inFlight.swapAt(index, inFlight.count - 1)
      inFlight.removeLast()
    }
  }

  /// Ends the job if a wait has lasted longer than the deadline, and rests if it lasts long. Returns since
  /// when it lasts.
  private func waitLonger(for operation: some InFlight, since: UInt64) -> UInt64 {
    let now = monotonicNanoseconds()
    if since == 0 { return now }
    endJobIfOverdue(
      operation.summary, awaiting: operation.awaitedRanks, since: since, now: now)
    // Its flags are several ranks': it cannot sleep on one.
    if !operation.isMovedByLooking && maySleep(since: since, now: now) {
      sleepThread(seconds: 20e-6)
    }
    return since
  }

  /// After this many nanoseconds the rank that is waited for has most likely lost its core.
  private static let impatience: UInt64 = 300_000

  /// Whether a wait lasts so long that the rank should sleep: no message is in flight that must be looked at.
  ///
  /// Whoever else uses the host's cores then gets his time now, and the rank that waits for one takes none
  /// from it. (Beside two busy processes, two ranks on two cores trained 1.2 times as fast as with
  /// looking on all the time; giving way by `sched_yield` made them slower.)
  ///
  /// - Parameters:
  ///   - since: When the wait began, by the monotonic clock.
  ///   - now: The clock.
  /// - Returns: Whether to sleep.
  package func maySleep(since: UInt64, now: UInt64) -> Bool {
    now - since > ProgressEngine.impatience && !inFlight.contains(where: \.isMovedByLooking)
  }

  /// Ends the job, with the reason on standard error, if a wait has lasted longer than the deadline.
  package func endJobIfOverdue(
    _ operation: @autoclosure () -> String, awaiting ranks: @autoclosure () -> [Int],
    since: UInt64, now: UInt64
  ) {
    guard let deadline = Deadline.seconds else { return }
    let waited = Double(now - since) / 1e9
    if waited <= deadline { return }
    flushStandardStreams()
    writeToStandardError(
      Deadline.message(
        operation(), awaiting: describeRanks(ranks()), waited: waited, who: who))
    MPI_Abort(cmpi_comm_world(), 70)
    endProcess(70)
  }
}
