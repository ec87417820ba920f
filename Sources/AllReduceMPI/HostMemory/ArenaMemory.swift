/// The memory of an ``Arena``, whatever its elements are: what reductions need of it.
@usableFromInline
package final class ArenaMemory {
  /// Whether all ranks of a host share one part.
  package let isSingle: Bool
  /// This rank's part; in a single arena all ranks' part.
  package let own: UnsafeMutableRawPointer

  private let segment: HostSegment
  /// The host's ranks as world ranks, one a part.
  private let owners: [Int]

  /// Makes the memory. Collective.
  ///
  /// - Parameters:
  ///   - bytes: The size of a part, zero at first.
  ///   - communicator: The ranks that get one.
  ///   - isSingle: Whether a host has one part, or each of its ranks.
  ///   - source: The way to try first.
  /// - Throws: ``AgreedError`` if a rank cannot get the memory; ``MPIError``.
  init(
    bytes: Int, over communicator: Communicator, isSingle: Bool, source: HostSegment.Source
  ) throws {
    let node = try communicator.splitByHost()
    segment = try HostSegment(bytes: bytes, isSingle: isSingle, over: node, source: source)
    self.isSingle = isSingle
    owners = node.worldRanks
    own = segment.parts[isSingle ? 0 : node.rank]
    try node.barrier()
  }

  /// What tells it from other memory while it lives.
  @inlinable @inline(__always)
  package var address: UnsafeRawPointer {
    UnsafeRawPointer(Unmanaged.passUnretained(self).toOpaque())
  }

  /// The part of a rank of this host, by its rank in the world; nil if it has none.
  package func part(ofWorldRank rank: Int) -> UnsafeMutableRawPointer? {
    owners.firstIndex(of: rank).map { segment.parts[isSingle ? 0 : $0] }
  }
}
