internal import CMPI

/// A group of ranks that exchange messages among themselves only.
///
/// All ranks of the group must call its collective operations in the same order. A communicator
/// belongs to the thread that runs ``MPI/run(threading:_:)`` and must not outlive it.
///
/// Making one is collective, as is (by MPI's rules) releasing one: programs that let communicators
/// go at the same place on every rank, as the same program text does, need not think of it.
public final class Communicator {
  /// This process's number in the group, from 0.
  public let rank: Int
  /// The number of ranks in the group.
  public let size: Int
  /// Whether this is rank 0.
  public var isRoot: Bool { rank == 0 }
  /// The name of the machine that this rank runs on (`MPI_Get_processor_name`).
  public let processorName: String

  /// The ranks of the group as ranks of the whole job, in rank order.
  public let worldRanks: [Int]
  /// The ranks on each host, ascending; hosts are ordered by their lowest rank.
  public let hosts: [[Int]]

  /// A place where an upper floor keeps what belongs to this communicator (schedules, staging
  /// memory, sequence numbers). It lives as long as the communicator does.
  package var attachment: AnyObject?
  /// A part of the attachment that is a value of addresses and numbers alone; nil before it is made.
  /// To read it counts no references and checks no access, which together took a fifth of a small
  /// reduction's time.
  package let shortcut: UnsafeMutablePointer<UnsafeMutableRawPointer?>

  /// Where all ranks are on one host and have made a ``HostGroup``: its lines, which live as long as it.
  var hostLines: HostLines?

  /// Messages of the user and MPI's own collectives.
  let handle: MPI_Comm
  /// Messages of the library: nothing a user sends can be mistaken for them.
  let internalHandle: MPI_Comm

  let engine: ProgressEngine
  let watchdog: Watchdog
  /// The most elements that one MPI call may move; more are split. A test may lower it.
  package var largestCount = 1 << 28

  /// Takes ownership of `handle`. Collective over its ranks.
  init(owning handle: MPI_Comm) throws(MPIError) {
    engine = MPI.current.engine
    watchdog = MPI.current.watchdog
    rank = Communicator.rank(in: handle)
    size = Communicator.size(of: handle)
    processorName = MPI.processorName()
    self.handle = handle
    shortcut = .allocate(capacity: 1)
    shortcut.initialize(to: nil)
    do {
      MPI_Comm_set_errhandler(handle, cmpi_errors_return())
      var inner: MPI_Comm?
      try MPIError.check(MPI_Comm_dup(handle, &inner), "MPI_Comm_dup")
      internalHandle = inner!
      MPI_Comm_set_errhandler(inner, cmpi_errors_return())
      let worldRanks = try Communicator.translateToWorld(handle, count: size)
      self.worldRanks = worldRanks
      let hostOf = worldRanks.map { MPI.current.hostOfWorldRank[$0] }
      let byHost = Dictionary(grouping: 0..<size) { hostOf[$0] }
      hosts = byHost.values.sorted { $0[0] < $1[0] }
    } catch {
      shortcut.deallocate()
      var failed: MPI_Comm? = handle
      MPI_Comm_free(&failed)
      throw error
    }
  }

  /// A duplicate of an MPI communicator. Collective over its ranks.
  convenience init(duplicating original: MPI_Comm) throws(MPIError) {
    var copy: MPI_Comm?
    try MPIError.check(MPI_Comm_dup(original, &copy), "MPI_Comm_dup")
    try self.init(owning: copy!)
  }

  deinit {
    // What the upper floor kept may hold messages of this communicator.
    attachment = nil
    shortcut.deallocate()
    var finalized: Int32 = 0
    MPI_Finalized(&finalized)
    guard finalized == 0 else { return }
    var inner: MPI_Comm? = internalHandle
    MPI_Comm_free(&inner)
    var outer: MPI_Comm? = handle
    MPI_Comm_free(&outer)
  }

  /// Waits until every rank of the group has come here, moving everything in flight meanwhile.
  ///
  /// Collective. Cost: one step in shared memory once the ranks of one host have reduced there, else
  /// ⌈log₂ size⌉ messages a rank (`MPI_Ibarrier`).
  public func barrier() throws {
    if size == 1 { return }
    if let hostLines { return hostLines.barrier() }
    var request: MPI_Request?
    try MPIError.check(MPI_Ibarrier(internalHandle, &request), "MPI_Ibarrier")
    try engine.wait(
      for: NativeRequest(request, "barrier", awaiting: worldRanks.filter { $0 != worldRank }))
  }

  /// Moves everything that this rank has in flight, once, without waiting.
  ///
  /// Call it between pieces of a long computation (a millisecond or less apart) so that reductions
  /// that were started go on meanwhile: MPI and shared memory move only when a rank looks at them.
  public func makeProgress() { engine.poll() }

  /// Puts an operation that was started under the engine's care until it is waited for.
  package func add(_ operation: any InFlight) { engine.add(operation) }

  /// Waits for an operation's end, moving everything in flight meanwhile.
  package func wait<Operation: InFlight>(for operation: Operation) throws {
    try engine.wait(for: operation)
  }

  /// Waits for an operation's end and leaves its error to whoever waits for its outcome.
  package func waitQuietly<Operation: InFlight>(for operation: Operation) {
    try? engine.wait(for: operation)
  }

  /// This process's rank in the whole job.
  public var worldRank: Int { worldRanks[rank] }

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
    try MPIError.check(MPI_Comm_group(cmpi_comm_world(), &world), "MPI_Comm_group")
    let ranks = (0..<Int32(count)).map { $0 }
    var translated = [Int32](repeating: 0, count: count)
    try MPIError.check(
      MPI_Group_translate_ranks(group, Int32(count), ranks, world, &translated),
      "MPI_Group_translate_ranks")
    return translated.map(Int.init)
  }
}
