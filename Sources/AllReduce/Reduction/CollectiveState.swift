internal import AllReduceMPI

/// What a communicator keeps for its collectives.
final class CollectiveState {
  /// Schedules that have run and can run again.
  let runs = MessageRuns()
  private var madeHost: HostGroup?
  private var arena: AnyObject?
  private var parts: UnsafeMutablePointer<UnsafeMutableRawPointer>?
  /// Room for an address a rank of this host; made with `parts`.
  private(set) var addresses: UnsafeMutablePointer<UnsafeMutableRawPointer>?

  deinit {
    parts?.deallocate()
    addresses?.deallocate()
  }

  /// The state of a communicator.
  @inline(__always)
  static func of(_ communicator: Communicator) -> CollectiveState {
    if let attachment = communicator.attachment {
      return unsafeDowncast(attachment, to: CollectiveState.self)
    }
    let made = CollectiveState()
    communicator.attachment = made
    return made
  }

  /// The ranks on this host. Collective at the first call.
  @inline(__always)
  func host(of communicator: Communicator) throws -> HostGroup {
    if let madeHost { return madeHost }
    let made = try HostGroup(of: communicator)
    madeHost = made
    return made
  }

  /// Where the parts of an arena begin, in the order of the host's ranks.
  ///
  /// - Throws: ``MPIError`` if a rank of this host has no part.
  func parts<Scalar: ReducibleScalar>(
    of arena: Arena<Scalar>, _ host: HostGroup
  ) throws -> UnsafeMutablePointer<UnsafeMutableRawPointer> {
    if let parts, self.arena === arena { return parts }
    precondition(
      arena.sharing == .symmetric,
      "A single arena holds one value for all ranks of a host: there is nothing to reduce.")
    let found = parts ?? .allocate(capacity: host.worldRanks.count)
    for (index, rank) in host.worldRanks.enumerated() {
      guard let part = arena.part(ofWorldRank: rank) else {
        self.arena = nil
        throw MPIError(
          operation: "a reduction in an arena",
          message: "rank \(rank) has no part in the arena; make it over a communicator that has "
            + "all ranks that reduce in it")
      }
      found[index] = part
    }
    if addresses == nil { addresses = .allocate(capacity: host.worldRanks.count) }
    parts = found
    self.arena = arena
    return found
  }
}
