/// The memory of an ``Arena``, whatever its elements are: what reductions need of it.
@usableFromInline
package final class ArenaMemory {
  /// Whether all ranks of a host share one part.
  package let isSingle: Bool
  /// This rank's part; in a single arena all ranks' part.
  package let own: UnsafeMutableRawPointer
  /// The same on all ranks that made the arena together, and different for every other arena.
  package let identity: UInt64

  private let segment: HostSegment
  /// The host's ranks as world ranks, one a part.
  private let owners: [Int]

  /// Makes the memory. Collective.
  ///
  /// - Parameters:
  ///   - count: Elements of a part, zero at first.
  ///   - type: The type of the elements.
  ///   - communicator: The ranks that get one.
  ///   - isSingle: Whether a host has one part, or each of its ranks.
  ///   - ways: The ways to share it, in order; nil for those that work.
  /// - Throws: ``AgreedError`` if ranks ask for different arenas, or one cannot get the memory;
  ///   ``MPIError``.
  init(
    count: Int, of type: ScalarType, over communicator: Communicator, isSingle: Bool,
    ways: [HostMemoryWay]?
  ) throws {
    let (bytes, isTooMuch) = count.multipliedReportingOverflow(by: type.stride)
    precondition(!isTooMuch, "An arena cannot have \(count) elements.")
    try communicator.meet(Call(.arena))
    segment = try HostSegment(
      HostMemoryRequest(.arena(count: count, type: type), bytes: bytes, isSingle: isSingle),
      over: communicator, ways: ways)
    identity = segment.identity
    self.isSingle = isSingle
    owners = communicator.hostRanks.map { communicator.worldRanks[$0] }
    own = segment.parts[isSingle ? 0 : communicator.hostIndex]
  }

  /// A number that identifies it while it lives.
  @inlinable @inline(__always)
  package var address: UnsafeRawPointer {
    UnsafeRawPointer(Unmanaged.passUnretained(self).toOpaque())
  }

  /// The part of a rank of this host, by its rank in the world; nil if it has none.
  package func part(ofWorldRank rank: Int) -> UnsafeMutableRawPointer? {
    owners.firstIndex(of: rank).map { segment.parts[isSingle ? 0 : $0] }
  }
}
