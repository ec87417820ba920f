internal import CMPI

/// A group of ranks that exchange messages among themselves only.
///
/// All ranks of the group must call its collective operations in the same order. A communicator belongs to the thread
/// that runs `MPI.run` and must not outlive it.
///
/// Creating a communicator is collective. Releasing one is not: the library frees MPI's communicator later, once all
/// its ranks have released it.
public final class Communicator {
  /// This process's number in the group, from 0.
  public let rank: Int
  /// The number of ranks in the group.
  public let size: Int
  /// Whether this is rank 0.
  public var isRoot: Bool { rank == 0 }
  /// The name of the machine that this rank runs on (`MPI_Get_processor_name`).
  package let processorName: String

  /// The world ranks of the group's ranks, in rank order.
  package let worldRanks: [Int]
  /// The ranks on each host, ascending; hosts are ordered by their lowest rank.
  package let hosts: [[Int]]

  /// A place where the AllReduce module keeps data of this communicator (schedules, staging memory). The data lives as
  /// long as the communicator. The place is in separate memory, because accesses to a class's properties are checked
  /// each time.
  package let attachment: UnsafeMutablePointer<AnyObject?>
  /// The address of the part of the attachment that consists only of addresses and numbers; nil before it is made.
  /// Reading it counts no references and checks no access, which together took a fifth of a small reduction's time.
  package let shortcut: UnsafeMutablePointer<UnsafeMutableRawPointer?>

  /// Checks that all ranks make the same calls.
  package let agreement: Agreement
  /// Counts this communicator's calls.
  package let counter: CallCounter
  /// The ranks on this host and their shared memory lines; nil if the communicator has one rank.
  package private(set) var hostGroup: HostGroup?
  /// The number of communicators that have been made from this one.
  var madeCount: UInt64 = 0
  private lazy var callBarrier = CallBarrier(on: self)

  /// The MPI communicator of the user's messages.
  let handle: MPI_Comm
  /// The MPI communicator of the library's messages and of MPI's own collectives: no message of a user can be mistaken
  /// for one of these.
  let internalHandle: MPI_Comm

  /// Counts the bytes that this rank sends on this communicator.
  let meter: TrafficMeter
  package let engine: ProgressEngine
  let watchdog: Watchdog
  /// The largest count that one MPI call may take; larger counts are split. A test may lower it.
  package var largestCount = 1 << 28
  /// The user's receives that have been started and whose messages have not arrived yet.
  let receives = ReceiveQueue()

  /// Creates a communicator that owns `handle`. Collective over the ranks of `handle`, which have just synchronized.
  ///
  /// - Parameters:
  ///   - handle: An MPI communicator.
  ///   - id: A number that is the same on all its ranks and that no other communicator has.
  /// - Throws: ``MPIError``; ``AgreedError`` if a host has too little memory.
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

  /// Releases nothing that needs other ranks: MPI's communicators are freed when the job ends, or when a communicator
  /// that contains all ranks of this one makes another communicator (``Graveyard``).
  deinit {
    // Messages of a failed call may still arrive in memory that the attachment holds.
    if let attached = attachment.pointee { agreement.keepUntilSettled(attached) }
    if let hostGroup { agreement.keepUntilSettled(hostGroup) }
    attachment.deinitialize(count: 1).deallocate()
    agreement.hostCounters = nil
    shortcut.deallocate()
    meter.deallocate()
    MPI.graveyard?.add(agreement, handle, internalHandle)
  }

  /// Waits until every rank of the group has called this, and advances everything in flight meanwhile.
  ///
  /// Collective. Cost: one step in shared memory where all ranks are on one host, otherwise ⌈log₂ size⌉ messages of 32
  /// bytes per rank.
  ///
  /// - Throws: ``MPIError`` if ranks made different calls.
  ///
  /// `MPI_Barrier`
  public func barrier() throws {
    try meet(Call(.barrier))
    try counter.end()
  }

  /// Runs `body`, whose calls count as one call of the program; see ``Agreement/asOneCall(_:)``.
  package func asOneCall<Result>(_ body: () throws -> Result) throws -> Result {
    size == 1 ? try body() : try agreement.asOneCall(body)
  }

  /// Waits until every rank has called this with the same call, and advances everything in flight meanwhile. A call
  /// that then blocks inside MPI does return, because no rank waits elsewhere. Collective.
  ///
  /// - Throws: ``MPIError`` if ranks made different calls.
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
      callBarrier.start(ticket, "\(call)")
      try wait(for: callBarrier)
    }
  }

  /// Makes progress on everything that this rank has in flight, once, without waiting.
  ///
  /// Call it between pieces of a long computation (a millisecond or less apart) so that reductions in flight advance
  /// meanwhile: MPI and shared memory make progress only when a rank polls them.
  public func makeProgress() { engine.pollWhileComputing() }

  /// Adds a started operation to the engine, which advances it until it is waited for.
  package func add(_ operation: any InFlight) { engine.add(operation) }

  /// Waits until an operation has ended, and advances everything in flight meanwhile.
  package func wait<Operation: InFlight>(for operation: Operation) throws {
    do {
      try engine.wait(for: operation)
    } catch let failed as CallFailed {
      throw agreement.settle(failed)
    }
  }

  /// Waits until an operation has ended, and throws nothing: the wait for the operation's outcome throws its error.
  package func waitQuietly<Operation: InFlight>(for operation: Operation) {
    try? engine.wait(for: operation)
  }

  /// Waits at most a second for an operation that was released without a wait. If it has not ended by then, it is
  /// abandoned, and all calls in flight on this communicator fail on all ranks.
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
