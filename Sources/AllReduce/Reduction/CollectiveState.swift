internal import AllReduceMPI

/// What a communicator keeps for its collectives.
final class CollectiveState {
  /// What `automatic` takes.
  let choices: Choices
  /// Schedules that have run and can run again.
  let runs = MessageRuns()
  private var madeHost: HostGroup?
  private var arena: ArenaMemory?
  private var pieces: [ScalarType: AnyObject] = [:]
  private var carriers: Communicator?
  private var hasCarriers = false
  /// Collectives in arenas that are under way, in the order in which they were started.
  private var hostRuns: [HostRun] = [] {
    didSet { path?.pointee.hasRuns = !hostRuns.isEmpty }
  }
  /// Those that have ended, to be used again.
  private var endedHostRuns: [HostRun] = []
  /// Made with the host.
  private var path: UnsafeMutablePointer<HostPath>?

  private init(_ communicator: Communicator) { choices = Choices(for: communicator) }

  deinit {
    path?.pointee.deallocate()
    path?.deallocate()
    choices.deallocate()
  }

  /// The state of a communicator.
  @inline(__always)
  static func of(_ communicator: Communicator) -> CollectiveState {
    if let attachment = communicator.attachment {
      return unsafeDowncast(attachment, to: CollectiveState.self)
    }
    let made = CollectiveState(communicator)
    communicator.attachment = made
    return made
  }

  /// The ranks on this host, and what their collectives need at every call. Collective at the first
  /// call.
  func host(
    of communicator: Communicator
  ) throws -> (group: HostGroup, path: UnsafeMutablePointer<HostPath>) {
    if let madeHost, let path { return (madeHost, path) }
    let made = try HostGroup(of: communicator)
    madeHost = made
    let path = UnsafeMutablePointer<HostPath>.allocate(capacity: 1)
    path.initialize(to: HostPath(made.lines, choices))
    self.path = path
    if communicator.isOnOneHost { communicator.shortcut.pointee = UnsafeMutableRawPointer(path) }
    return (made, path)
  }

  /// Finds out where the parts of an arena begin, for the path of this host.
  ///
  /// - Throws: ``MPIError`` if a rank of this host has no part.
  func findParts(of arena: ArenaMemory, _ communicator: Communicator) throws {
    precondition(
      !arena.isSingle,
      "A single arena holds one value for all ranks of a host: there is nothing to reduce.")
    let (group, path) = try host(of: communicator)
    for (index, rank) in group.worldRanks.enumerated() {
      guard let part = arena.part(ofWorldRank: rank) else {
        path.pointee.arena = nil
        throw MPIError(
          operation: "a reduction in an arena",
          message: "rank \(rank) has no part in the arena; make it over a communicator that has "
            + "all ranks that reduce in it")
      }
      path.pointee.parts[index] = part
    }
    path.pointee.arena = arena.address
    // Kept, so that no other arena can be at that address.
    self.arena = arena
  }

  /// Most arena collectives under way at once: a call line must not be written again before all have
  /// read it.
  private static let mostHostRuns = HostLines.depth / 2

  /// The arena collective that was started last, if it may still be under way.
  var lastHostRun: HostRun? { hostRuns.last }

  /// Notes a collective that was started.
  func append(_ run: HostRun) { hostRuns.append(run) }

  /// One that has ended and whose outcome nobody will ask for.
  func idleHostRun() -> HostRun? {
    endedHostRuns.lastIndex(where: \.isIdle).map { endedHostRuns.remove(at: $0) }
  }

  /// Waits until fewer than ``mostHostRuns`` are under way.
  func makeRoomForHostRun(_ communicator: Communicator) throws {
    while let first = hostRuns.first,
      first.isEnded || hostRuns.count >= CollectiveState.mostHostRuns
    {
      endFirstHostRun(communicator)
    }
  }

  /// Waits until all arena collectives that were started have ended. Their own waits throw what they
  /// failed with.
  func endHostRuns(_ communicator: Communicator) {
    while !hostRuns.isEmpty { endFirstHostRun(communicator) }
  }

  private func endFirstHostRun(_ communicator: Communicator) {
    let run = hostRuns.removeFirst()
    communicator.waitQuietly(for: run)
    hostRuns.first?.forgetPrevious()
    // All are kept: there are never more than callers have held at once.
    endedHostRuns.append(run)
  }

  /// What lies beyond this host; nil if there is one host only. Collective at the first call.
  func network(
    of communicator: Communicator, using algorithm: ReductionAlgorithm, wireFormat: WireFormat
  ) throws -> HostRun.Network? {
    let hosts = communicator.hosts
    if hosts.count == 1 { return nil }
    let carrierCount = hosts.map(\.count).min() ?? 1
    if !hasCarriers {
      let place = hosts.lazy.compactMap { $0.firstIndex(of: communicator.rank) }.first ?? 0
      carriers = try communicator.split(
        optionalColor: place < carrierCount ? place : nil)
      hasCarriers = true
    }
    return HostRun.Network(
      carriers: carriers, carrierCount: carrierCount, size: communicator.size,
      algorithm: algorithm, wireFormat: wireFormat)
  }

  /// An arena for memory that is in none. Collective at the first call for a type.
  func pieces<Scalar: ReducibleScalar>(
    of type: Scalar.Type, over communicator: Communicator
  ) throws -> Arena<Scalar> {
    if let made = pieces[Scalar.scalarType] { return unsafeDowncast(made, to: Arena<Scalar>.self) }
    let count = (2 << 20) / Scalar.scalarType.stride
    let made = try Arena<Scalar>(count: count, over: communicator)
    pieces[Scalar.scalarType] = made
    return made
  }
}
