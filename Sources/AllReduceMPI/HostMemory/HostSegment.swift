internal import CKernels

/// Memory of a host that several of its ranks map.
///
/// Each part is checked to be its owner's before it is used (``HostPart``). If one way to share memory does not work
/// for some rank, all ranks of the communicator try the next way. Nothing has a name in the file system, so nothing is
/// left behind whatever happens. A rank that is alone on its host has private memory.
package final class HostSegment {
  /// The addresses at which the parts are mapped: one per rank of the host, in rank order, or the one part that all
  /// share.
  package let parts: [UnsafeMutableRawPointer]
  /// A random number, the same on all ranks that made the segment together.
  package let identity: UInt64

  /// The start of the addresses that were reserved for the parts.
  private let region: UnsafeMutableRawPointer
  /// The number of bytes of addresses that were reserved for the parts.
  private let regionBytes: Int

  /// Creates the segment and maps its memory, which is zero at first. Collective over `communicator`.
  ///
  /// Cost: three all-gathers of a few numbers per rank, and the time to allocate the pages.
  ///
  /// - Parameters:
  ///   - request: The request; the same on all ranks.
  ///   - communicator: The ranks that map the memory; the ranks of each host share its parts.
  ///   - ways: The ways to share memory, in the order in which to try them; nil for the ways that worked at the start.
  ///   - populate: Whether to allocate all pages now.
  /// - Throws: ``AgreedError`` if ranks make different requests, or a rank cannot get the memory.
  package init(
    _ request: HostMemoryRequest, over communicator: Communicator, ways: [HostMemoryWay]? = nil,
    populate: Bool = true
  ) throws {
    identity = try request.agree(over: communicator)
    let plan = Plan(request, communicator, populate: populate)
    var failure: HostPart.Failure?
    let ways = ways ?? MPI.current.hostMemoryWays
    // Without a way to share memory, every rank is alone on its host.
    for way in ways.isEmpty ? [.memoryFile] : ways {
      let outcome = try plan.map(by: way, &failure)
      if case .mapped(let region) = outcome {
        (self.region, regionBytes) = (region, plan.regionBytes)
        parts = plan.addresses(in: region)
        return
      }
      if case .shortage = outcome { break }
    }
    try communicator.agreeing { if let failure { throw plan.error(failure) } }
    throw MPIError(operation: "host memory", message: "no way is left to share \(request)")
  }

  deinit { ck_unmap(region, regionBytes) }

  private enum Outcome {
    case mapped(UnsafeMutableRawPointer)
    /// Some rank cannot reach another rank's part.
    case unreachable
    /// Some rank cannot get enough memory.
    case shortage
  }

  /// The layout of the parts in a rank's address space.
  private struct Plan {
    let request: HostMemoryRequest
    let communicator: Communicator
    let populate: Bool
    /// The ranks of the host that own a part.
    let owners: [Int]
    /// The number of bytes in a part, a multiple of the page size.
    let partBytes: Int
    /// The number of bytes from the start of one part to the start of the next.
    let distance: Int
    let regionBytes: Int

    init(_ request: HostMemoryRequest, _ communicator: Communicator, populate: Bool) {
      self.request = request
      self.communicator = communicator
      self.populate = populate
      let host = communicator.hostRanks
      owners = request.isSingle ? [host[0]] : host
      let page = ck_page_size()
      partBytes = (Swift.max(request.bytes, 1) + page - 1) / page * page
      // Parts whose addresses are a power of two apart would share the caches' ways: a pass over two
      // of them took up to ten times as long (AMD Zen 4, parts of 256 MiB). So their distance is odd.
      let whole = partBytes + HostPart.pageOfWord
      distance = (whole + 0xFFFFF) / 0x100000 * 0x100000 + 45 * page
      regionBytes = distance * owners.count
    }

    /// Whether this rank shares its part with no other rank.
    var isAlone: Bool { communicator.hostRanks.count == 1 }

    func addresses(in region: UnsafeMutableRawPointer) -> [UnsafeMutableRawPointer] {
      owners.indices.map { region + $0 * distance }
    }

    /// Makes, checks and maps all parts, or none of them on any rank. Collective.
    func map(by way: HostMemoryWay, _ failure: inout HostPart.Failure?) throws -> Outcome {
      let region = ck_reserve(regionBytes)
      let code = ck_errno()
      var isMapped = false
      defer { if !isMapped, let region { ck_unmap(region, regionBytes) } }

      var own: HostPart?
      defer { own?.close() }
      var mine: HostPart.Failure?
      do throws(HostPart.Failure) {
        guard let region else { throw HostPart.Failure("mmap", code: code) }
        own = try make(by: way, in: region)
      } catch { mine = error }
      var rows = try communicator.allGatherBare(
        [kind(of: mine)] + (own?.words ?? [Int](repeating: 0, count: HostPart.wordCount)))
      if rows.allSatisfy({ $0[0] == 0 }), let region {
        do throws(HostPart.Failure) {
          for (index, owner) in owners.enumerated() where owner != communicator.rank {
            try HostPart(words: rows[owner].dropFirst()).reach(mappingAt: region + index * distance)
          }
        } catch { mine = error }
        // After this all parts are mapped, and no rank opens one.
        rows = try communicator.allGatherBare([kind(of: mine)])
        if rows.allSatisfy({ $0[0] == 0 }) {
          if populate {
            for (index, owner) in owners.enumerated() where owner != communicator.rank {
              ck_map_pages(region + index * distance, partBytes)
            }
          }
          isMapped = true
          return .mapped(region)
        }
      }
      failure = mine ?? failure
      return rows.contains { $0[0] == 2 } ? .shortage : .unreachable
    }

    /// Returns 0 for no failure, 2 for a shortage of memory, 1 for any other failure.
    private func kind(of failure: HostPart.Failure?) -> Int {
      failure.map { $0.isShortage ? 2 : 1 } ?? 0
    }

    /// Makes and maps this rank's part, if it owns one. Returns the part if other ranks have to reach it.
    private func make(
      by way: HostMemoryWay, in region: UnsafeMutableRawPointer
    ) throws(HostPart.Failure) -> HostPart? {
      guard let index = owners.firstIndex(of: communicator.rank) else { return nil }
      let address = region + index * distance
      if !isAlone {
        return try HostPart(by: way, bytes: partBytes, at: address, populate: populate)
      }
      if ck_map_private(address, partBytes) == nil { throw HostPart.Failure("mmap") }
      if populate && ck_populate(address, partBytes, -1) != 0 {
        throw HostPart.Failure("allocating pages of shared memory")
      }
      return nil
    }

    /// Returns the error that this rank throws for a failure.
    func error(_ failure: HostPart.Failure) -> MPIError {
      let host = communicator.hostRanks
      let needed = partBytes * owners.count
      var message =
        "\(request) on \(communicator.describeWorldRanks(host)) of \(communicator.processorName) "
        + "needs \(byteText(needed)), but rank \(communicator.worldRank) cannot have it: \(failure)"
      let room = ck_memory_room()
      if room.addresses < .max {
        message += "; ulimit -v leaves \(byteText(Int(room.addresses))) of address space"
      }
      let available = Swift.min(room.system, room.group)
      if available < .max { message += "; \(byteText(Int(available))) are available" }
      return MPIError(operation: "host memory", message: message)
    }
  }
}
