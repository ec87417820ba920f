internal import CKernels

/// Memory of a host that several of its ranks map.
///
/// Every part is proven to be its owner's before it is used (``HostPart``). Where one way to share does
/// not work for some rank, all ranks of the communicator take the next one. Nothing has a name, so nothing is
/// left behind whatever happens. A rank that is alone on its host has private memory.
package final class HostSegment {
  /// Where the parts are mapped: one a rank of the host, in rank order; or the one that all share.
  package let parts: [UnsafeMutableRawPointer]
  /// Random; the same on all ranks that made the segment together.
  package let identity: UInt64

  /// The addresses that were set aside for the parts, and how many.
  private let region: UnsafeMutableRawPointer
  private let regionBytes: Int

  /// Maps memory, zero at first. Collective over `communicator`.
  ///
  /// Cost: three all-gathers of a few numbers a rank, and the time to take the pages.
  ///
  /// - Parameters:
  ///   - request: The request; the same on all ranks.
  ///   - communicator: The ranks that map it; those of each host share its parts.
  ///   - ways: The ways to try, in order; nil for those that were found to work at the start.
  ///   - populate: Whether to take all pages now.
  /// - Throws: ``AgreedError`` if ranks ask for different things, or a rank cannot get the memory.
  package init(
    _ request: HostMemoryRequest, over communicator: Communicator, ways: [HostMemoryWay]? = nil,
    populate: Bool = true
  ) throws {
    identity = try request.agree(over: communicator)
    let plan = Plan(request, communicator, populate: populate)
    var failure: HostPart.Failure?
    let ways = ways ?? MPI.current.hostMemoryWays
    // Without a way every rank is alone on its host.
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
    /// Some rank can't reach another's part.
    case unreachable
    /// Some rank gets no memory.
    case shortage
  }

  /// How the parts lie in a rank's addresses.
  private struct Plan {
    let request: HostMemoryRequest
    let communicator: Communicator
    let populate: Bool
    /// The host's ranks that own a part.
    let owners: [Int]
    /// Bytes of a part, whole pages.
    let partBytes: Int
    /// From one part to the next.
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

    /// This rank shares its part with no other.
    var isAlone: Bool { communicator.hostRanks.count == 1 }

    func addresses(in region: UnsafeMutableRawPointer) -> [UnsafeMutableRawPointer] {
      owners.indices.map { region + $0 * distance }
    }

    /// Makes, proves and maps all parts, or none on any rank. Collective.
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
        // After it all parts are mapped, and none is opened.
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

    /// 0 for none, 2 for a shortage of memory, 1 for any other.
    private func kind(of failure: HostPart.Failure?) -> Int {
      failure.map { $0.isShortage ? 2 : 1 } ?? 0
    }

    /// This rank's part, if it owns one that others are to reach.
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
        throw HostPart.Failure("taking pages")
      }
      return nil
    }

    /// The error that this rank throws for its failure.
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
