/// Shared memory of a host that holds the ranks' elements, so that a reduction need not copy them.
///
/// An arena gives each rank a part of its own, which the other ranks of the host can read and write during a reduction:
/// an all-reduce is then one pass over memory, without a copy. Ranks on one machine that cannot share memory, such as
/// ranks in separate containers, count as ranks of different hosts. The memory is freed when the last rank releases it.
/// It has no name in the file system, so a job that dies leaves nothing behind.
///
/// Any group of the arena's ranks can reduce in it: each reduction names its communicator.
public final class Arena<Scalar: ReducibleScalar> {
  /// How an arena's memory is divided among a host's ranks.
  package enum Sharing: Sendable {
    /// A separate part for each rank.
    case symmetric
    /// One part for all ranks of a host.
    case single
  }

  /// The number of elements in a part.
  public let count: Int
  /// How the memory is divided among a host's ranks.
  package var sharing: Sharing { memory.isSingle ? .single : .symmetric }
  /// This rank's part: `count` elements, zero at first.
  public let values: UnsafeMutableBufferPointer<Scalar>

  @usableFromInline package let memory: ArenaMemory

  /// Creates an arena with a part for each rank.
  ///
  /// Collective: all ranks must call it with the same count and type, which are compared before anything is allocated.
  /// Allocates `count` elements per rank, touches all of this memory now, and costs three all-gathers of a few numbers
  /// per rank.
  ///
  /// - Parameters:
  ///   - count: The number of elements in a part.
  ///   - communicator: The ranks that get a part.
  /// - Throws: ``AgreedError`` if ranks ask for different arenas, or if a host does not have enough memory (the error
  ///   says how much is needed and how much is free); ``MPIError``.
  public convenience init(count: Int, over communicator: Communicator) throws {
    try self.init(count: count, over: communicator, sharing: .symmetric)
  }

  /// Creates an arena with a part for each rank, or with one part for all ranks of a host. Collective, like
  /// ``init(count:over:)``.
  package init(
    count: Int, over communicator: Communicator, sharing: Sharing, ways: [HostMemoryWay]? = nil
  ) throws {
    precondition(count >= 0, "An arena cannot have \(count) elements.")
    memory = try ArenaMemory(
      count: count, of: Scalar.scalarType, over: communicator, isSingle: sharing == .single,
      ways: ways)
    self.count = count
    values = UnsafeMutableBufferPointer(
      start: memory.own.bindMemory(to: Scalar.self, capacity: Swift.max(count, 1)), count: count)
  }

  /// A range of this rank's part, as a slice to be reduced.
  @inlinable
  public subscript(range: Range<Int>) -> ArenaSlice<Scalar> {
    precondition(
      range.lowerBound >= 0 && range.upperBound <= count,
      "The range must be within the arena's elements, 0..<\(count), not \(range).")
    return ArenaSlice(arena: self, range: range)
  }

  /// The whole of this rank's part, as a slice to be reduced.
  @inlinable
  public var all: ArenaSlice<Scalar> { self[0..<count] }

  /// One element of this rank's part.
  @inlinable
  public subscript(index: Int) -> Scalar {
    get { values[index] }
    set { values[index] = newValue }
  }
}

/// A range of a rank's part of an ``Arena``.
public struct ArenaSlice<Scalar: ReducibleScalar> {
  /// The arena that the elements are in.
  public let arena: Arena<Scalar>
  /// The range of the elements in the rank's part.
  public let range: Range<Int>

  @inlinable
  init(arena: Arena<Scalar>, range: Range<Int>) {
    self.arena = arena
    self.range = range
  }

  /// This rank's elements in the range.
  package var values: UnsafeMutableBufferPointer<Scalar> {
    UnsafeMutableBufferPointer(rebasing: arena.values[range])
  }
}
