internal import AllReduceMPI

/// The state of a communicator for its collectives.
final class CollectiveState {
  /// The choices of `automatic`.
  let choices: Choices
  /// Schedules that were built before, kept for reuse.
  let runs = MessageRuns()
  let window = HostRunWindow()
  private var arena: ArenaMemory?
  private var pieces: [ScalarType: AnyObject] = [:]
  /// Collectives in arenas that are under way, in the order in which they were started.
  private var hostRuns: [HostRun] = [] {
    didSet { path?.pointee.hasRuns = !hostRuns.isEmpty }
  }
  /// Ended ones, kept for reuse.
  private var endedHostRuns: [HostRun] = []
  /// Made at the first call that needs it.
  private var path: UnsafeMutablePointer<HostPath>?
  /// The groups that carry between hosts; nil on one host.
  let carriers: CarrierGroup?
  /// An element for the messages of a call without elements.
  let nothing: UnsafeMutableRawPointer

  private init(_ communicator: Communicator) {
    choices = Choices(ranksPerHost: communicator.hosts.map(\.count))
    carriers = CarrierGroup(of: communicator)
    nothing = .allocate(byteCount: 64, alignment: 64)
    nothing.initializeMemory(as: UInt64.self, repeating: 0, count: 8)
  }

  deinit {
    path?.pointee.deallocate()
    path?.deallocate()
    choices.deallocate()
    carriers?.choices.deallocate()
    nothing.deallocate()
  }

  /// The state of a communicator.
  @inline(__always)
  static func of(_ communicator: Communicator) -> CollectiveState {
    if let attached = communicator.attachment.pointee {
      return unsafeDowncast(attached, to: CollectiveState.self)
    }
    let made = CollectiveState(communicator)
    communicator.attachment.pointee = made
    return made
  }

  /// The ranks on this host, and what their collectives need at every call. No messages: the
  /// communicator has made what takes other ranks.
  func host(
    of communicator: Communicator
  ) -> (group: HostGroup, path: UnsafeMutablePointer<HostPath>) {
    guard let group = communicator.hostGroup else {
      preconditionFailure("A communicator of one rank has nothing to share.")
    }
    if let path { return (group, path) }
    let path = UnsafeMutablePointer<HostPath>.allocate(capacity: 1)
    path.initialize(to: HostPath(group.lines, communicator.counter, choices))
    self.path = path
    if communicator.isOnOneHost { communicator.shortcut.pointee = UnsafeMutableRawPointer(path) }
    return (group, path)
  }

  /// Finds out where the parts of an arena begin, for the path of this host.
  ///
  /// - Throws: ``MPIError`` if a rank of this host has no part.
  func findParts(of arena: ArenaMemory, _ communicator: Communicator) throws {
    precondition(
      !arena.isSingle,
      "A single arena holds one value for all ranks of a host: there is nothing to reduce.")
    let (group, path) = host(of: communicator)
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
    path.pointee.arenaIdentity = arena.identity
    // Kept, so that no other arena can be at that address.
    self.arena = arena
  }

  /// The arena collective that was started last, if it may still be under way.
  var lastHostRun: HostRun? { hostRuns.last }

  /// Notes a collective that was started.
  func append(_ run: HostRun) { hostRuns.append(run) }

  /// A run that has ended and whose outcome was already taken.
  func idleHostRun() -> HostRun? {
    endedHostRuns.lastIndex(where: \.isIdle).map { endedHostRuns.remove(at: $0) }
  }

  /// Keeps ended ones for reuse.
  func sweepHostRuns(_ communicator: Communicator) {
    while let first = hostRuns.first, first.isEnded { endFirstHostRun(communicator) }
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
