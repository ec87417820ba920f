internal import AllReduceMPI

/// The state that a communicator keeps between its collectives: algorithm choices, schedules, arenas and runs.
final class CollectiveState {
  /// The algorithms that `automatic` chooses on this communicator.
  let choices: Choices
  /// The schedules that were built so far, kept for reuse.
  let runs = MessageRuns()
  let window = HostRunWindow()
  private var arena: ArenaMemory?
  private var pieces: [ScalarType: AnyObject] = [:]
  /// The arena collectives in flight, in the order in which they were started.
  private var hostRuns: [HostRun] = [] {
    didSet { path?.pointee.hasRuns = !hostRuns.isEmpty }
  }
  /// The arena collectives that have completed, kept for reuse.
  private var endedHostRuns: [HostRun] = []
  /// The path of this host, which its collectives use; created by the first call that needs it.
  private var path: UnsafeMutablePointer<HostPath>?
  /// The ranks that exchange data between hosts; nil on one host.
  let carriers: CarrierGroup?
  /// Memory for the one element that a call without elements sends.
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

  /// Returns the state of a communicator; creates it at the first call.
  @inline(__always)
  static func of(_ communicator: Communicator) -> CollectiveState {
    if let attached = communicator.attachment.pointee {
      return unsafeDowncast(attached, to: CollectiveState.self)
    }
    let made = CollectiveState(communicator)
    communicator.attachment.pointee = made
    return made
  }

  /// Returns the ranks on this host, and the path that their collectives use. Sends no messages: the communicator has
  /// already created everything that involves other ranks.
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

  /// Looks up where the parts of an arena begin, and stores the addresses in the path of this host.
  ///
  /// - Throws: ``MPIError`` if a rank of this host has no part in the arena.
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
    // The arena is retained, so that no other arena can get the same address.
    self.arena = arena
  }

  /// The arena collective that was started last, if it may still be in flight.
  var lastHostRun: HostRun? { hostRuns.last }

  /// Adds an arena collective that was started to those in flight.
  func append(_ run: HostRun) { hostRuns.append(run) }

  /// Removes and returns a run that has completed and whose outcome was taken, for reuse; nil if there is none.
  func idleHostRun() -> HostRun? {
    endedHostRuns.lastIndex(where: \.isIdle).map { endedHostRuns.remove(at: $0) }
  }

  /// Removes the runs that have completed from the front of those in flight, and keeps them for reuse.
  func sweepHostRuns(_ communicator: Communicator) {
    while let first = hostRuns.first, first.isEnded { endFirstHostRun(communicator) }
  }

  /// Waits until all arena collectives that were started have completed. The error of a failed one is thrown by its own
  /// wait, not here.
  func endHostRuns(_ communicator: Communicator) {
    while !hostRuns.isEmpty { endFirstHostRun(communicator) }
  }

  private func endFirstHostRun(_ communicator: Communicator) {
    let run = hostRuns.removeFirst()
    communicator.waitQuietly(for: run)
    hostRuns.first?.forgetPrevious()
    // All runs are kept: there are never more than callers have held at the same time.
    endedHostRuns.append(run)
  }

  /// Returns an arena of the library's own, for elements that are not in an arena. The first call for a type is
  /// collective: all ranks must make it.
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
