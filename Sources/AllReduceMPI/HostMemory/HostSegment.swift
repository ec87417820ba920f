internal import CKernels
internal import CMPI

/// Memory of a host that several of its ranks map.
///
/// A nameless file in memory (memfd): nothing is left behind whatever happens, and no /dev/shm can be
/// too small. The owner makes it and touches it first, so that its pages lie near the owner; the
/// others open it through the owner's process. Where that is not allowed, `MPI_Win_allocate_shared`
/// takes its place.
package final class HostSegment {
  /// Where the parts are mapped: one a rank of the host, in rank order; or the one that all share.
  package let parts: [UnsafeMutableRawPointer]
  /// Bytes a part, a multiple of the page size.
  package let partBytes: Int

  private var window: MPI_Win?
  /// The addresses that were set aside for the parts, and how many.
  private var reserved: UnsafeMutableRawPointer?
  private let reservedBytes: Int

  /// Which way the memory is had; tests force the second.
  package enum Source: Sendable {
    case memoryFile, window
  }

  /// Maps memory. Collective over `node`, whose ranks must be on one host.
  ///
  /// - Parameters:
  ///   - bytes: The size of a part.
  ///   - isSingle: Whether there is one part for all, owned by the first rank, or one a rank.
  ///   - node: The ranks that map it.
  ///   - source: The way to try first.
  ///   - populate: Whether to take all pages now.
  /// - Throws: ``AgreedError`` if a rank cannot get the memory.
  package init(
    bytes: Int, isSingle: Bool, over node: Communicator, source: Source = .memoryFile,
    populate: Bool = true
  ) throws {
    let size = (Swift.max(bytes, 1) + 4095) & ~4095
    partBytes = size
    let owners = isSingle ? 1 : node.size
    let isOwner = node.rank < owners
    // Parts whose addresses are a power of two apart would share the caches' ways: a pass over two
    // of them took up to ten times as long (AMD Zen 4, parts of 256 MiB). So their distance is odd.
    let distance = ((size + 0xFFFFF) & ~0xFFFFF) + 45 * 4096
    reservedBytes = distance * owners
    let mapped =
      source == .memoryFile
      ? try HostSegment.mapFiles(size, distance, owners, isOwner, node, populate) : nil
    if let mapped {
      parts = mapped
      reserved = mapped[0]
    } else {
      (parts, window) = try HostSegment.mapWindow(size, owners, isOwner, node)
    }
  }

  deinit {
    if window != nil {
      var finalized: Int32 = 0
      MPI_Finalized(&finalized)
      if finalized == 0 { MPI_Win_free(&window) }
    }
    if let reserved { ck_unmap(reserved, reservedBytes) }
  }

  /// Nil where some rank may not open another's file: then all ranks take the other way.
  private static func mapFiles(
    _ bytes: Int, _ distance: Int, _ owners: Int, _ isOwner: Bool, _ node: Communicator,
    _ populate: Bool
  ) throws -> [UnsafeMutableRawPointer]? {
    let file = isOwner ? ck_memory_file(bytes) : -1
    defer { if file >= 0 { ck_close(file) } }
    let processes = try node.allGatherNatively(Int(ck_process()))
    let files = try node.allGatherNatively(Int(file))
    var parts: [UnsafeMutableRawPointer] = []
    let region = ck_reserve(distance * owners)
    if let region, files[..<owners].allSatisfy({ $0 >= 0 }) {
      for owner in 0..<owners {
        let opened =
          owner == node.rank ? file : ck_open_of(Int64(processes[owner]), Int32(files[owner]))
        guard opened >= 0 else { break }
        defer { if opened != file { ck_close(opened) } }
        guard let start = ck_map_shared(region + owner * distance, opened, bytes) else { break }
        parts.append(start)
        // The owner touches its part first.
        if owner == node.rank && populate { ck_populate(start, bytes) }
      }
    }
    let failures = try node.allGatherNatively(parts.count == owners ? 0 : 1)
    guard !failures.contains(1) else {
      if let region { ck_unmap(region, distance * owners) }
      return nil
    }
    if populate {
      for owner in 0..<owners where owner != node.rank { ck_populate(parts[owner], bytes) }
    }
    return parts
  }

  private static func mapWindow(
    _ bytes: Int, _ owners: Int, _ isOwner: Bool, _ node: Communicator
  ) throws -> ([UnsafeMutableRawPointer], MPI_Win?) {
    var window: MPI_Win?
    var base: UnsafeMutableRawPointer?
    try node.agreeing {
      try MPIError.check(
        MPI_Win_allocate_shared(
          isOwner ? bytes : 0, 1, cmpi_info_null(), node.internalHandle, &base, &window),
        "MPI_Win_allocate_shared of \(bytes) bytes a rank")
    }
    let parts = try (0..<owners).map { owner in
      var size: MPI_Aint = 0
      var unit: Int32 = 0
      var start: UnsafeMutableRawPointer?
      try MPIError.check(
        MPI_Win_shared_query(window, Int32(owner), &size, &unit, &start), "MPI_Win_shared_query")
      return start!
    }
    return (parts, window)
  }
}
