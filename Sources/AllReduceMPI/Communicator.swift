internal import CMPI

/// A group of ranks that exchange messages among themselves only.
///
/// All ranks of the group must call its collective operations in the same order. A communicator
/// belongs to the thread that runs `MPI.run` and must not outlive it.
///
/// Making one is collective, as is (by MPI's rules) releasing one: a program that
/// releases communicators at the same place on every rank meets the rule by itself.
public final class Communicator {
  /// This process's number in the group, from 0.
  public let rank: Int
  /// The number of ranks in the group.
  public let size: Int
  /// Whether this is rank 0.
  public var isRoot: Bool { rank == 0 }
  /// The name of the machine that this rank runs on (`MPI_Get_processor_name`).
  package let processorName: String

  /// The ranks of the group as ranks of the whole job, in rank order.
  package let worldRanks: [Int]
  /// The ranks on each host, ascending; hosts are ordered by their lowest rank.
  package let hosts: [[Int]]

  /// A place where the AllReduce module keeps what belongs to this communicator (schedules, staging
  /// memory). It lives as long as the communicator does. In memory of its own: a class's properties would be
  /// checked at every access.
  package let attachment: UnsafeMutablePointer<AnyObject?>
  /// A part of the attachment that is a value of addresses and numbers alone; nil before it is made.
  /// To read it counts no references and checks no access, which together took a fifth of a small
  /// reduction's time.
  package let shortcut: UnsafeMutablePointer<UnsafeMutableRawPointer?>

  /// Checks that all ranks make the same calls.
  package let agreement: Agreement
  /// Counts this communicator's calls.
  package let counter: CallCounter
  /// The ranks on this host and their lines; nil where there is one rank.
  package private(set) var hostGroup: HostGroup?
  /// How many communicators have been made of this one.
  var madeCount: UInt64 = 0
  private lazy var meeting = Meeting(on: self)

  /// Messages of the user and MPI's own collectives.
  let handle: MPI_Comm
  /// Messages of the library: nothing a user sends can be mistaken for them.
  let internalHandle: MPI_Comm

  /// Counts what this rank sends here.
  let meter: TrafficMeter
  package let engine: ProgressEngine
  let watchdog: Watchdog
  /// The largest number of elements that one MPI call may move; more are split. A test may lower it.
  package var largestCount = 1 << 28
  /// Started receives of the user that have not met their message.
  let receives = ReceiveQueue()

  /// Takes ownership of `handle`. Collective over its ranks, which have all come here.
  ///
  /// - Parameters:
  ///   - handle: An MPI communicator.
  ///   - id: The same on all its ranks, and no other communicator's.
  /// - Throws: ``MPIError``; ``AgreedError`` if the host has no memory for it.
  init(owning handle: MPI_Comm, id: UInt64) throws {
    let runtime = MPI.current
    engine = runtime.engine
    watchdog = runtime.watchdog
    rank = Communicator.rank(in: handle)
    size = Communicator.size(of: handle)
    processorName = MPI.processorName()
    self.handle = handle
    MPI_Comm_set_errhandler(handle, cmpi_errors_return())
    var inner: MPI_Comm?
    let code = watchdog.guarding("MPI_Comm_dup") { MPI_Comm_dup(handle, &inner) }
    try MPIError.check(code, "MPI_Comm_dup")
    internalHandle = inner!
    MPI_Comm_set_errhandler(inner, cmpi_errors_return())
    let worldRanks = try Communicator.translateToWorld(handle, count: size)
    self.worldRanks = worldRanks
    let hostOf = worldRanks.map { runtime.hostOfWorldRank[$0] }
    let byHost = Dictionary(grouping: 0..<size) { hostOf[$0] }
    hosts = byHost.values.sorted { $0[0] < $1[0] }
    let isFar = hostOf.map { [rank] in $0 != hostOf[rank] }
    meter = TrafficMeter(isFar: isFar)
    agreement = Agreement(
      id: id, rank: rank, worldRanks: worldRanks,
      endpoint: MessageEndpoint(internalHandle, worldRanks: worldRanks, isFar: isFar),
      engine: engine)
    counter = agreement.counter
    attachment = .allocate(capacity: 1)
    attachment.initialize(to: nil)
    shortcut = .allocate(capacity: 1)
    shortcut.initialize(to: nil)
    if size > 1 {
      let group = try HostGroup(of: self)
      hostGroup = group
      agreement.hostCounters = group.lines.counters
    }
  }

  /// Nothing is released that needs other ranks: MPI's communicators are freed when the job ends, or at the
  /// next call that makes a communicator of all ranks of this one (``Graveyard``).
  deinit {
    // Messages of a failed call may still arrive in what the attachment holds.
    if let attached = attachment.pointee { agreement.keepUntilSettled(attached) }
    if let hostGroup { agreement.keepUntilSettled(hostGroup) }
    attachment.deinitialize(count: 1).deallocate()
    agreement.hostCounters = nil
    shortcut.deallocate()
    meter.deallocate()
    MPI.graveyard?.add(agreement, handle, internalHandle)
  }

  /// Waits until every rank of the group has come here, moving everything in flight meanwhile.
  ///
  /// Collective. Cost: one step in shared memory where all ranks are on one host, else ⌈log₂ size⌉
  /// messages of 32 bytes a rank.
  ///
  /// - Throws: ``MPIError`` if ranks made a different call.
  ///
  /// `MPI_Barrier`
  public func barrier() throws {
    try meet(Call(.barrier))
    try counter.end()
  }

  /// Runs a call that makes several calls; see ``Agreement/asOneCall(_:)``.
  package func asOneCall<Result>(_ body: () throws -> Result) throws -> Result {
    size == 1 ? try body() : try agreement.asOneCall(body)
  }

  /// Waits until every rank has come here with the same call, moving everything in flight meanwhile.
  /// Afterwards a call that blocks inside MPI ends: no rank waits elsewhere. Collective.
  ///
  /// - Throws: ``MPIError`` if ranks made a different call.
  package func meet(_ call: Call) throws {
    if size == 1 { return }
    let ticket = try counter.begin(call)
    if hosts.count == 1, let hostGroup {
      do throws(CallFailed) {
        try hostGroup.lines.meet(ticket.running)
      } catch {
        throw agreement.failure()
      }
    } else {
      agreement.endOldCalls()
      meeting.start(ticket, "\(call)")
      try wait(for: meeting)
    }
  }

  /// Makes progress on everything that this rank has in flight, once, without waiting.
  ///
  /// Call it between pieces of a long computation (a millisecond or less apart) so that reductions
  /// that were started advance meanwhile: MPI and shared memory move only when a rank looks at them.
  public func makeProgress() { engine.pollWhileComputing() }

  /// Puts an operation that was started under the engine's care until it is waited for.
  package func add(_ operation: any InFlight) { engine.add(operation) }

  /// Waits for an operation's end, moving everything in flight meanwhile.
  package func wait<Operation: InFlight>(for operation: Operation) throws {
    do {
      try engine.wait(for: operation)
    } catch let failed as CallFailed {
      throw agreement.settle(failed)
    }
  }

  /// Waits until an operation has ended; its error is thrown by the wait for its outcome.
  package func waitQuietly<Operation: InFlight>(for operation: Operation) {
    try? engine.wait(for: operation)
  }

  /// Waits a second at most for an operation that was released without a wait. If it has not ended by
  /// then, it is abandoned, and all ranks' calls on this communicator that are under way fail.
  package func letGo<Operation: InFlight>(of operation: Operation) {
    if engine.wait(for: operation, atMost: engine.patience) { return }
    engine.patience = 0
    agreement.fail("it released \(operation.summary) before its end")
    engine.abandon(operation)
  }

  /// This process's rank in the whole job.
  package var worldRank: Int { worldRanks[rank] }

  static func rank(in handle: MPI_Comm) -> Int {
    var rank: Int32 = 0
    MPI_Comm_rank(handle, &rank)
    return Int(rank)
  }

  static func size(of handle: MPI_Comm) -> Int {
    var size: Int32 = 0
    MPI_Comm_size(handle, &size)
    return Int(size)
  }

  private static func translateToWorld(_ handle: MPI_Comm, count: Int) throws(MPIError) -> [Int] {
    var group: MPI_Group?
    var world: MPI_Group?
    defer {
      MPI_Group_free(&group)
      MPI_Group_free(&world)
    }
    try MPIError.check(MPI_Comm_group(handle, &group), "MPI_Comm_group")
    try MPIError.check(MPI_Comm_group(MPI.current.base, &world), "MPI_Comm_group")
    let ranks = (0..<Int32(count)).map { $0 }
    var translated = [Int32](repeating: 0, count: count)
    try MPIError.check(
      MPI_Group_translate_ranks(group, Int32(count), ranks, world, &translated),
      "MPI_Group_translate_ranks")
    precondition(
      !translated.contains(MPI_UNDEFINED),
      "A communicator has ranks that are not ranks of the job, those that called MPI.run.")
    return translated.map(Int.init)
  }
}
