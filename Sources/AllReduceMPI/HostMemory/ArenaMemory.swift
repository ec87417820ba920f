/// The memory of an ``Arena``, whatever the type of its elements, as reductions use it.
@usableFromInline
package final class ArenaMemory {
  /// Whether all ranks of a host share one part.
  package let isSingle: Bool
  /// The start of this rank's part, or of the one part that all ranks of the host share.
  package let own: UnsafeMutableRawPointer
  /// A number that is the same on all ranks that made the arena together, and that no other arena has.
  package let identity: UInt64

  private let segment: HostSegment
  /// The world ranks of the host's ranks, in the order of their parts.
  private let owners: [Int]

  /// Creates the memory. Collective.
  ///
  /// - Parameters:
  ///   - count: The number of elements in a part, zero at first.
  ///   - type: The type of the elements.
  ///   - communicator: The ranks that get a part.
  ///   - isSingle: Whether a host has one part; otherwise each of its ranks has one.
  ///   - ways: The ways to share memory, in the order in which to try them; nil for the ways that work.
  /// - Throws: ``AgreedError`` if ranks ask for different arenas, or a rank cannot get the memory; ``MPIError``.
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

  /// The address of this object, which identifies the memory while the object lives.
  @inlinable @inline(__always)
  package var address: UnsafeRawPointer {
    UnsafeRawPointer(Unmanaged.passUnretained(self).toOpaque())
  }

  /// Returns the part of a rank of this host, given its world rank; nil if the rank has no part.
  package func part(ofWorldRank rank: Int) -> UnsafeMutableRawPointer? {
    owners.firstIndex(of: rank).map { segment.parts[isSingle ? 0 : $0] }
  }
}
